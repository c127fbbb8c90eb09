package code

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	zippedBytesMax = 52_428_800
	entriesMax     = 100_000
	// ratioMax is asked only beyond ratioBytesMin: small texts may shrink a thousandfold in earnest.
	ratioMax      = 250
	ratioBytesMin = 16 << 20
	unpackTimeMax = 2 * time.Minute
	encrypted     = 1 // flags of an entry
	utf8Names     = 0x800
)

// UnzipFile writes the archive in file without holding it in memory of its own.
func UnzipFile(place Place, file *os.File, now func() time.Time) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return refuse("the package is empty")
	}
	size := int(min(info.Size(), zippedBytesMax+1))
	archive, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	defer syscall.Munmap(archive)
	return Unzip(place, archive, now)
}

// Unzip writes an archive; now is the clock that its time limit is read from.
func Unzip(place Place, archive []byte, now func() time.Time) error {
	if len(archive) > zippedBytesMax {
		return refuse("Zipped size must be smaller than %d bytes", zippedBytesMax)
	}
	if count := countEntries(archive); count > entriesMax {
		return refuse("the package has %d entries, more than %d", count, entriesMax)
	}
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return refuse("the package is no zip archive: %v", err)
	}
	target, err := openTarget(place)
	if err != nil {
		return err
	}
	defer target.root.Close()
	end := now().Add(unpackTimeMax)
	checkTime := func() error {
		if now().After(end) {
			return refuse("the package takes longer than %v to unpack", unpackTimeMax)
		}
		return nil
	}
	for _, entry := range reader.File {
		if err := checkTime(); err != nil {
			return err
		}
		if err := target.writeEntry(entry, checkTime); err != nil {
			return err
		}
		if target.bytes > ratioBytesMin && target.bytes > ratioMax*int64(len(archive)) {
			return refuse("the package unpacks to more than %d times its size", ratioMax)
		}
	}
	return target.makeLinks()
}

func (t *target) writeEntry(entry *zip.File, checkTime func() error) error {
	called := entry.Name
	if !utf8.ValidString(called) && entry.Flags&utf8Names == 0 {
		called = decodeCP437(called)
	}
	name, err := cleanName(called)
	if err != nil {
		return err
	}
	mode := entry.Mode()
	if mode.IsDir() { // every name that ends in a slash is one
		return t.makeDirectories(name)
	}
	isLink := mode&fs.ModeType == fs.ModeSymlink
	if !mode.IsRegular() && !isLink || name == "." {
		return refuse("%q is neither a file nor a directory nor a link", called)
	}
	if entry.Flags&encrypted != 0 {
		return refuse("%q is encrypted", entry.Name)
	}
	content, err := entry.Open()
	if err != nil {
		return refuse("%q cannot be read: %v", entry.Name, err)
	}
	defer content.Close()
	reader := &contentReader{entry.Name, content, checkTime}
	if isLink {
		return t.keepLink(name, reader)
	}
	return t.writeFile(name, readOnly(mode), reader)
}

// contentReader reads one entry within the time of all; what it cannot read is the archive's fault.
type contentReader struct {
	name      string
	content   io.Reader
	checkTime func() error
}

func (c *contentReader) Read(buffer []byte) (int, error) {
	if err := c.checkTime(); err != nil {
		return 0, err
	}
	count, err := c.content.Read(buffer)
	if err != nil && err != io.EOF {
		err = refuse("%q is damaged: %v", c.name, err)
	}
	return count, err
}

// readOnly keeps the right to execute, drops the rights to write and all special bits, and lets
// everyone read, as packers on other systems set no modes at all.
func readOnly(mode fs.FileMode) fs.FileMode { return mode.Perm()&0o555 | 0o444 }
