package code

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCodeCanBeWrittenAgainWhereItWasClosed(t *testing.T) {
	directory, outside := t.TempDir(), t.TempDir()
	kept := filepath.Join(outside, "kept")
	if err := os.WriteFile(kept, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"app.py": "old", "package/deep/module.py": "old", "package/gone.py": "old"}
	if err := WriteInline(at(directory), files); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(directory, "package", "link")); err != nil {
		t.Fatal(err)
	}
	CloseDirectories(directory)
	if err := os.Chmod(directory, 0); err != nil { // what its owner, the function, may do at worst
		t.Fatal(err)
	}
	if err := Empty(directory); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 0 {
		t.Errorf("%v is left", entries)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error("what a link points to was removed")
	}
	if err := WriteInline(at(directory), map[string]string{"package/deep/module.py": "new"}); err != nil {
		t.Error(err)
	}
}
