package code

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// entry is one member of a test archive; raw, where it is set, is written as it is.
type entry struct {
	name   string
	text   string
	mode   fs.FileMode
	change func(header *zip.FileHeader)
}

// at gives a directory whose files count for themselves.
func at(directory string) Place { return Place{directory, &Total{}} }

func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	for _, one := range entries {
		header := &zip.FileHeader{Name: one.name, Method: zip.Deflate}
		if one.mode != 0 {
			header.SetMode(one.mode)
		}
		if one.change != nil {
			one.change(header)
		}
		file, err := writer.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(one.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func unzip(t *testing.T, archive []byte) (string, error) {
	t.Helper()
	outer := t.TempDir()
	directory := filepath.Join(outer, "task")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	err := Unzip(at(directory), archive, time.Now)
	beside, _ := os.ReadDir(outer)
	if len(beside) != 1 {
		t.Errorf("something was written outside: %v", beside)
	}
	return directory, err
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFilesAndDirectoriesAreUnpacked(t *testing.T) {
	directory, err := unzip(t, pack(t,
		entry{name: "app.py", text: "one", mode: 0o600},
		entry{name: "lib/", mode: fs.ModeDir | 0o700},
		entry{name: "lib/deep/er.py", text: "two"},
		entry{name: "./bin/run", text: "three", mode: 0o755},
	))
	if err != nil {
		t.Fatal(err)
	}
	if read(t, directory, "app.py")+read(t, directory, "lib/deep/er.py")+read(t, directory, "bin/run") != "onetwothree" {
		t.Error("the contents differ")
	}
	for name, wanted := range map[string]fs.FileMode{"app.py": 0o444, "lib/deep/er.py": 0o444, "bin/run": 0o555} {
		if info, _ := os.Stat(filepath.Join(directory, name)); info.Mode() != wanted {
			t.Errorf("%s is %v", name, info.Mode())
		}
	}
}

func TestTheLastOfTwoEntriesOfOneNameCounts(t *testing.T) {
	directory, err := unzip(t, pack(t, entry{name: "a", text: "first"}, entry{name: "a", text: "last"}))
	if err != nil || read(t, directory, "a") != "last" {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatDifferInCaseAreTwoFiles(t *testing.T) {
	directory, err := unzip(t, pack(t, entry{name: "a", text: "1"}, entry{name: "A", text: "2"}))
	if err != nil || read(t, directory, "a")+read(t, directory, "A") != "12" {
		t.Errorf("got %v", err)
	}
}

func TestSpecialBitsAreDropped(t *testing.T) {
	directory, err := unzip(t, pack(t, entry{name: "a", mode: fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o777}))
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(filepath.Join(directory, "a")); info.Mode() != 0o555 {
		t.Errorf("got %v", info.Mode())
	}
}

func TestHostileNamesAndKindsAreRefused(t *testing.T) {
	for _, row := range []struct {
		rule  string
		entry entry
	}{
		{"above the directory", entry{name: "../x"}},
		{"above the directory, later", entry{name: "a/../../x"}},
		{"absolute", entry{name: "/etc/x"}},
		{"no name", entry{name: ""}},
		{"only a dot", entry{name: "."}},
		{"a file that is the root", entry{name: "a/.."}},
		{"a NUL", entry{name: "a\x00b"}},
		{"a name of 2 KB", entry{name: strings.Repeat("a/", 10) + strings.Repeat("x", 2000)}},
		{"100 directories deep", entry{name: strings.Repeat("a/", 100) + "x"}},
		{"a symbolic link", entry{name: "a", text: "/etc/passwd", mode: fs.ModeSymlink | 0o777}},
		{"a device", entry{name: "a", mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}},
		{"a pipe", entry{name: "a", mode: fs.ModeNamedPipe | 0o666}},
		{"a socket", entry{name: "a", mode: fs.ModeSocket | 0o666}},
	} {
		_, err := unzip(t, pack(t, row.entry))
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", row.rule, err)
		}
	}
}

func TestANameThatIsNotTheUTF8ItSaysIsRefused(t *testing.T) {
	archive := pack(t, entry{name: "a\xff", change: func(h *zip.FileHeader) { h.NonUTF8 = true }})
	archive[bytes.LastIndex(archive, []byte("PK\x01\x02"))+9] |= utf8Names >> 8
	_, err := unzip(t, archive)
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "not UTF-8") {
		t.Errorf("got %v", err)
	}
}

func TestAFileWhereADirectoryMustBeIsRefused(t *testing.T) {
	_, err := unzip(t, pack(t, entry{name: "a", text: "file"}, entry{name: "a/b", text: "below"}))
	var refused *Error
	if !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoArchiveIsRefused(t *testing.T) {
	whole := pack(t, entry{name: "a", text: "text"})
	for rule, archive := range map[string][]byte{
		"empty": {}, "text": []byte("#!/bin/sh"), "cut short": whole[:len(whole)-10],
	} {
		_, err := unzip(t, archive)
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

func TestABombIsRefusedBeforeItFillsTheDisk(t *testing.T) {
	directory, err := unzip(t, pack(t, entry{name: "a", text: strings.Repeat("0", 64<<20)}))
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Error(), "times its size") {
		t.Errorf("got %v", err)
	}
	_ = directory
}

func TestAnArchiveThatLiesAboutASizeIsRefused(t *testing.T) {
	text := []byte("more than it says")
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	file, err := writer.CreateRaw(&zip.FileHeader{
		Name: "a", Method: zip.Store, CRC32: crc32.ChecksumIEEE(text[:4]),
		CompressedSize64: uint64(len(text)), UncompressedSize64: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write(text)
	_ = writer.Close()
	if directory, err := unzip(t, buffer.Bytes()); err == nil && len(read(t, directory, "a")) > 4 {
		t.Error("the lie was believed")
	}
}

func TestTheUnzippedSizeIsLimitedWhateverHeadersSay(t *testing.T) {
	target, err := openTarget(at(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer target.root.Close()
	target.total.bytes = UnzippedBytesMax - 3
	if err := target.writeFile("fits", 0o444, strings.NewReader("123")); err != nil {
		t.Errorf("got %v", err)
	}
	err = target.writeFile("over", 0o444, strings.NewReader("4"))
	if err == nil || err.Error() != "Unzipped size must be smaller than 262144000 bytes" {
		t.Errorf("got %v", err)
	}
}

func TestTooManyEntriesAreRefused(t *testing.T) {
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	for number := range entriesMax + 1 {
		_, _ = writer.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%d", number)})
	}
	_ = writer.Close()
	_, err := unzip(t, buffer.Bytes())
	if err == nil || !strings.Contains(err.Error(), "entries") {
		t.Errorf("got %v", err)
	}
}

func TestUnpackingHasATimeLimit(t *testing.T) {
	now := time.Unix(0, 0)
	clock := func() time.Time {
		now = now.Add(unpackTimeMax)
		return now
	}
	err := Unzip(at(t.TempDir()), pack(t, entry{name: "a"}, entry{name: "b"}), clock)
	if err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("got %v", err)
	}
}

func TestInlineFilesAreWritten(t *testing.T) {
	directory := t.TempDir()
	err := WriteInline(at(directory), map[string]string{"app.py": "x", "lib/a.py": "é", "bootstrap": "#!/bin/sh\n"})
	if err != nil || read(t, directory, "lib/a.py") != "é" {
		t.Fatalf("got %v", err)
	}
	if info, _ := os.Stat(filepath.Join(directory, "bootstrap")); info.Mode() != 0o555 {
		t.Errorf("got %v", info.Mode())
	}
	if err := WriteInline(at(directory), map[string]string{"../x": ""}); err == nil {
		t.Error("a name that leaves the directory passed")
	}
}

func TestASymbolicLinkInTheTaskRootIsNotFollowed(t *testing.T) {
	directory, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(directory, "lib")); err != nil {
		t.Fatal(err)
	}
	if err := WriteInline(at(directory), map[string]string{"lib/x": "text"}); err == nil {
		t.Error("it was followed")
	}
	if files, _ := os.ReadDir(outside); len(files) > 0 {
		t.Errorf("written outside: %v", files)
	}
}

func TestDirectoriesCanBeClosed(t *testing.T) {
	directory := t.TempDir()
	if err := WriteInline(at(directory), map[string]string{"lib/a.py": "x"}); err != nil {
		t.Fatal(err)
	}
	CloseDirectories(directory)
	defer func() { _ = os.Chmod(directory, 0o755); _ = os.Chmod(directory+"/lib", 0o755) }()
	for _, name := range []string{directory, directory + "/lib"} {
		if info, _ := os.Stat(name); info.Mode().Perm() != 0o555 {
			t.Errorf("%s is %v", name, info.Mode())
		}
	}
}
