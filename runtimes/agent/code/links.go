package code

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// linkBytesMax is the longest target that the system takes.
const linkBytesMax = 4095

// keepLink remembers a link whose target content holds, where it stays inside.
func (t *target) keepLink(name string, content io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(content, linkBytesMax+1))
	if err != nil {
		return err
	}
	if len(text) > linkBytesMax || !staysInside(name, string(text)) {
		return refuse("the link %q leaves the package; copy what it points to into it", name)
	}
	t.links[name] = string(text)
	return nil
}

// staysInside: a target goes up at its beginning only, and no higher than the root. A link is never
// below another one, so each begins where its name says, and what it passes stays inside as well.
func staysInside(name, target string) bool {
	if target == "" || strings.HasPrefix(target, "/") || strings.IndexByte(target, 0) >= 0 {
		return false
	}
	depth, down := strings.Count(name, "/"), false
	for _, part := range strings.Split(target, "/") {
		switch {
		case part != "..":
			down = true
		case down || depth == 0:
			return false
		default:
			depth--
		}
	}
	return true
}

// makeLinks makes all that was kept, none of them through another link.
func (t *target) makeLinks() error {
	for _, name := range slices.Sorted(maps.Keys(t.links)) {
		if err := t.makeDirectories(path.Dir(name)); err != nil {
			return err
		}
		if err := t.refuseLinksAbove(name); err != nil {
			return err
		}
		if info, err := t.root.Lstat(name); err == nil && info.IsDir() {
			return refuse("an entry is below %q, which is no directory but a link", name)
		}
		if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return t.explain(name, err)
		}
		if err := os.Symlink(t.links[name], filepath.Join(t.directory, name)); err != nil {
			return t.explain(name, err)
		}
	}
	return nil
}

func (t *target) refuseLinksAbove(name string) error {
	for above := path.Dir(name); above != "."; above = path.Dir(above) {
		if info, err := t.root.Lstat(above); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return refuse("an entry is below %q, which is no directory but a link", above)
		}
	}
	return nil
}
