package code

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hostileArchives are the shapes of F18 that the other tests of this package do not make.
func hostileArchives(t testing.TB) map[string][]byte {
	text := entry{name: "a", text: "text"}
	return map[string][]byte{
		"a link outwards":            pack(t, entry{name: "a", text: "../b", change: external(0o120777<<16 | 0o10000)}),
		"a block device":             pack(t, entry{name: "a", mode: fs.ModeDevice | 0o666}),
		"a link under a file's name": pack(t, entry{name: "a", text: "..", mode: fs.ModeSymlink | 0o777}, entry{name: "a/x"}),
		"a size that lies upwards":   patch(pack(t, text), uncompressedSize, 1<<31-1),
		"a size that lies downwards": patch(pack(t, text), uncompressedSize, 1),
		"compressed beyond the end":  patch(pack(t, text), compressedSize, 1<<30),
		"a wrong checksum":           patch(pack(t, text), checksum, 7),
		"an unknown method":          patch(pack(t, text), method, 99),
		"an encrypted entry":         pack(t, entry{name: "a", text: "text", change: func(h *zip.FileHeader) { h.Flags |= 1 }}),
		"an offset beyond the end":   patch(pack(t, text), offset, 1<<30),
		"a directory of no entries":  patchEnd(pack(t, text), 65_535),
	}
}

// Places in the central directory's first entry.
const (
	method           = 10
	checksum         = 16
	compressedSize   = 20
	uncompressedSize = 24
	offset           = 42
)

func patch(archive []byte, place int, value uint32) []byte {
	at := bytes.LastIndex(archive, []byte("PK\x01\x02")) + place
	if place == method {
		binary.LittleEndian.PutUint16(archive[at:], uint16(value))
	} else {
		binary.LittleEndian.PutUint32(archive[at:], value)
	}
	return archive
}

// patchEnd lets the end of the central directory speak of so many entries.
func patchEnd(archive []byte, count uint16) []byte {
	at := bytes.LastIndex(archive, []byte("PK\x05\x06"))
	binary.LittleEndian.PutUint16(archive[at+8:], count)
	binary.LittleEndian.PutUint16(archive[at+10:], count)
	return archive
}

func external(attributes uint32) func(*zip.FileHeader) {
	return func(h *zip.FileHeader) { h.CreatorVersion, h.ExternalAttrs = 3<<8, attributes }
}

func TestF18HostileArchivesAreRefusedWithAReason(t *testing.T) {
	for rule, archive := range hostileArchives(t) {
		directory, err := unzip(t, archive)
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", rule, err)
		}
		expectPlain(t, directory)
	}
}

// expectPlain fails where there is anything but files, directories without special bits and links that
// stay inside, or more than the limit.
func expectPlain(t *testing.T, directory string) {
	t.Helper()
	total := int64(0)
	err := filepath.WalkDir(directory, func(name string, one fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := one.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, _ := os.Readlink(name)
			below, _ := filepath.Rel(directory, name)
			if !staysInside(below, target) {
				t.Errorf("%s leads to %s", name, target)
			}
			return nil
		}
		if info.Mode()&^(fs.ModePerm|fs.ModeDir) != 0 {
			t.Errorf("%s is %v", name, info.Mode())
		}
		if info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	if err != nil || total > UnzippedBytesMax+1 {
		t.Errorf("%d bytes, %v", total, err)
	}
}

func TestF18ANestedArchiveIsAFileLikeAnyOther(t *testing.T) {
	inner := pack(t, entry{name: "../x", text: strings.Repeat("0", 1<<20)})
	directory, err := unzip(t, pack(t, entry{name: "inner.zip", text: string(inner)}))
	if err != nil || read(t, directory, "inner.zip") != string(inner) {
		t.Errorf("got %v", err)
	}
}

// Keeping two hundred thousand names to count them would take the memory of a small function.
func TestF18TwoHundredThousandEntriesAreRefusedBeforeTheyAreRead(t *testing.T) {
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	for number := range 200_000 {
		_, _ = writer.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%d", number)})
	}
	_ = writer.Close()
	archive := buffer.Bytes()
	before := testing.AllocsPerRun(1, func() {})
	allocated := testing.AllocsPerRun(1, func() {
		_, err := unzip(t, archive)
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "entries") {
			t.Errorf("got %v", err)
		}
	})
	if allocated-before > 10_000 {
		t.Errorf("%.0f allocations", allocated-before)
	}
}

// One stream of deflate says many files: entries that share their bytes (the "better zip bomb").
func TestF18EntriesThatShareTheirBytesAreBoundByTheRatio(t *testing.T) {
	piece := strings.Repeat("0", 4<<20)
	archive := pack(t, entry{name: "0", text: piece})
	archive = repeatEntry(archive, 60)
	_, err := unzip(t, archive)
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "times its size") {
		t.Errorf("got %v", err)
	}
}

// repeatEntry names the only entry of an archive so many times in its central directory, as files
// "0", "1" and so on (a byte each).
func repeatEntry(archive []byte, times int) []byte {
	begin := bytes.LastIndex(archive, []byte("PK\x01\x02"))
	end := bytes.LastIndex(archive, []byte("PK\x05\x06"))
	one, tail := archive[begin:end], bytes.Clone(archive[end:])
	repeated := bytes.Clone(archive[:begin])
	for number := range times {
		copied := bytes.Clone(one)
		copied[46] = byte('0' + number)
		repeated = append(repeated, copied...)
	}
	binary.LittleEndian.PutUint16(tail[8:], uint16(times))
	binary.LittleEndian.PutUint16(tail[10:], uint16(times))
	binary.LittleEndian.PutUint32(tail[12:], uint32(times*len(one)))
	return append(repeated, tail...)
}

func TestF18AnArchiveOverTheLimitIsRefusedUnread(t *testing.T) {
	err := Unzip(at(t.TempDir()), make([]byte, zippedBytesMax+1), time.Now)
	if err == nil || err.Error() != "Zipped size must be smaller than 52428800 bytes" {
		t.Errorf("got %v", err)
	}
}

func TestF18ATimeLimitHoldsWithinOneFileToo(t *testing.T) {
	now := time.Unix(0, 0)
	clock := func() time.Time {
		now = now.Add(unpackTimeMax / 8)
		return now
	}
	text := strings.Repeat("0123456789abcdef", 1<<16)
	err := Unzip(at(t.TempDir()), pack(t, entry{name: "a", text: text}), clock)
	if err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("got %v", err)
	}
}

func FuzzUnzip(f *testing.F) {
	f.Add([]byte{})
	f.Add(pack(f, entry{name: "app.py", text: "one"}, entry{name: "lib/", mode: fs.ModeDir | 0o755}))
	f.Add(pack(f, entry{name: "../x", text: "one"}))
	f.Add(pack(f, entry{name: "d/a"}, entry{name: "l", text: "d", mode: fs.ModeSymlink | 0o777}, entry{name: "l/../x"}))
	f.Add(pack(f, entry{name: "a", text: "/etc", mode: fs.ModeSymlink | 0o777}, entry{name: "a/x"}))
	f.Add(pack(f, entry{name: "a", text: strings.Repeat("0", 1<<20)}))
	for _, archive := range hostileArchives(f) {
		f.Add(archive)
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		outer := t.TempDir()
		directory := filepath.Join(outer, "task")
		if err := os.Mkdir(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		err := Unzip(at(directory), archive, time.Now)
		var refused *Error
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("an error that is not for the function's owner: %v", err)
		}
		if beside, _ := os.ReadDir(outer); len(beside) != 1 {
			t.Errorf("something was written outside: %v", beside)
		}
		expectPlain(t, directory)
	})
}
