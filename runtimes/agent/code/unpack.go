// Package code puts a function's code and layers into their directories.
//
// Contract: writes regular files, directories and links that stay inside below the root it is given,
// nothing else and nowhere else, within the limits of spec/lambda.md, section 6.2; an archive that breaks a rule is
// refused as a whole with an Error that says which.
package code

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// UnzippedBytesMax is AWS's limit of code and layers together.
	UnzippedBytesMax = 262_144_000

	shebang      = "#!"
	depthMax     = 64
	nameBytesMax = 1024
)

// Error is code that cannot be used; its text is for the function's owner.
type Error struct{ message string }

func (e *Error) Error() string { return e.message }

func refuse(format string, arguments ...any) error {
	return &Error{fmt.Sprintf(format, arguments...)}
}

// ErrTooLarge is code and layers that unpack to more than AWS allows for them together.
var ErrTooLarge = refuse("Unzipped size must be smaller than %d bytes", UnzippedBytesMax)

// Total counts the bytes that code and layers of one function unpack to.
type Total struct{ bytes int64 }

// Place is where files are written to; they count towards Total.
type Place struct {
	Directory string
	Total     *Total
}

// target writes below one directory, whatever names say.
type target struct {
	root      *os.Root
	directory string
	made      map[string]bool
	// links are made when all files are there, so that none is written through one.
	links map[string]string
	bytes int64
	total *Total
}

func openTarget(place Place) (*target, error) {
	root, err := os.OpenRoot(place.Directory)
	if err != nil {
		return nil, err
	}
	return &target{
		root: root, directory: place.Directory, made: map[string]bool{".": true},
		links: map[string]string{}, total: place.Total,
	}, nil
}

// WriteInline writes a map of file name to text; a file that begins with #! is executable.
func WriteInline(place Place, files map[string]string) error {
	target, err := openTarget(place)
	if err != nil {
		return err
	}
	defer target.root.Close()
	for name, text := range files {
		clean, err := cleanFileName(name)
		if err != nil {
			return err
		}
		mode := modeOf([]byte(text[:min(len(text), len(shebang))]))
		if err := target.writeFile(clean, mode, strings.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}

// modeOf makes a file that begins with #! executable.
func modeOf(content []byte) fs.FileMode {
	if bytes.HasPrefix(content, []byte(shebang)) {
		return 0o555
	}
	return 0o444
}

func sortedNames(files map[string][]byte) []string {
	return slices.Sorted(maps.Keys(files))
}

// cleanName gives the path below the root that an entry's name means.
func cleanName(name string) (string, error) {
	switch {
	case name == "" || len(name) > nameBytesMax:
		return "", refuse("a file name of %d bytes", len(name))
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return "", refuse("the file name %q is not UTF-8", name)
	case strings.HasPrefix(name, "/"):
		return "", refuse("the file name %q is not relative", name)
	case strings.Count(name, "/") > depthMax:
		return "", refuse("the file name %q is nested too deep", name)
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", refuse("the file name %q leaves the package", name)
		}
	}
	return path.Clean(name), nil
}

// cleanFileName is cleanName for what cannot be the root itself.
func cleanFileName(name string) (string, error) {
	clean, err := cleanName(name)
	if err == nil && clean == "." {
		err = refuse("the file name %q names no file", name)
	}
	return clean, err
}

func (t *target) makeDirectories(directory string) error {
	if t.made[directory] {
		return nil
	}
	if err := t.makeDirectories(path.Dir(directory)); err != nil {
		return err
	}
	if err := t.root.Mkdir(directory, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return t.explain(directory, err)
	} else if err != nil {
		if info, err := t.root.Stat(directory); err == nil && !info.IsDir() {
			return refuse("an entry is below %q, which is no directory but a file", directory)
		}
	}
	t.made[directory] = true
	return nil
}

// writeFile replaces what an earlier entry of the same name wrote: the last one counts.
func (t *target) writeFile(name string, mode fs.FileMode, content io.Reader) error {
	if err := t.makeDirectories(path.Dir(name)); err != nil {
		return err
	}
	delete(t.links, name)
	if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t.explain(name, err)
	}
	file, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return t.explain(name, err)
	}
	written, err := io.Copy(file, io.LimitReader(content, UnzippedBytesMax-t.total.bytes+1))
	t.bytes += written
	if t.total.bytes += written; err == nil && t.total.bytes > UnzippedBytesMax {
		err = ErrTooLarge
	}
	return errors.Join(err, file.Chmod(mode), file.Close())
}

func (t *target) explain(name string, err error) error {
	var system *fs.PathError
	if errors.As(err, &system) && system.Path != "" {
		return refuse("%q cannot be written: %v", name, system.Err)
	}
	return err
}

// CloseDirectories takes the right to write from every directory below and including directory, as
// far as it is ours to take. The function runs as the same user and can give itself the right again:
// what holds is supervise.Confine.
func CloseDirectories(directory string) {
	_ = fs.WalkDir(os.DirFS(directory), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(path.Join(directory, name), 0o555)
		}
		return nil
	})
}
