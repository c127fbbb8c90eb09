package code

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDigestsAreThoseOfTheSharedVectors(t *testing.T) {
	raw, err := os.ReadFile("../../../tests/vectors/code_digest.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name   string
		Files  map[string]string
		Digest string
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(err, len(vectors))
	}
	for _, vector := range vectors {
		files := map[string][]byte{}
		for name, text := range vector.Files {
			files[name] = []byte(text)
		}
		if got := Digest(files); got != vector.Digest {
			t.Errorf("%s: %s", vector.Name, got)
		}
	}
}

// mount lays files out as the kubelet does: names are links into ..data, itself a link.
func mount(t *testing.T, files map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	version := filepath.Join(directory, "..version")
	if err := os.Mkdir(version, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..version", filepath.Join(directory, "..data")); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(version, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("..data/"+name, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func TestMountedCodeIsCopiedAsRegularFiles(t *testing.T) {
	task := t.TempDir()
	mounted := mount(t, map[string]string{"app.py": "x = 1\n", "bootstrap": "#!/bin/sh\n"})
	wanted := Digest(map[string][]byte{"app.py": []byte("x = 1\n"), "bootstrap": []byte("#!/bin/sh\n")})
	if err := CopyMounted(at(task), mounted, wanted, 0); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"app.py": 0o444, "bootstrap": 0o555} {
		info, err := os.Lstat(filepath.Join(task, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

func TestAnotherVersionThanTheOneMeantIsNotTaken(t *testing.T) {
	task := t.TempDir()
	err := CopyMounted(at(task), mount(t, map[string]string{"app.py": "new"}), "other", time.Millisecond)
	if !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(task); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestAVersionThatComesLateIsWaitedFor(t *testing.T) {
	mounted := mount(t, map[string]string{"app.py": "old"})
	time.AfterFunc(100*time.Millisecond, func() {
		_ = os.WriteFile(filepath.Join(mounted, "..version", "app.py"), []byte("new"), 0o644)
	})
	wanted := Digest(map[string][]byte{"app.py": []byte("new")})
	if err := CopyMounted(at(t.TempDir()), mounted, wanted, 5*time.Second); err != nil {
		t.Error(err)
	}
}
