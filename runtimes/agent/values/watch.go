// Package values notices that what Secrets and ConfigMaps give to the function has changed.
//
// Contract: the kubelet gives each value twice, as a variable when the container starts and as a
// file that it keeps up to date (docs/adr/0003); only those files are read, nothing is written, and
// nothing here tells a value. What a file holds at first counts as known: the kubelet mounts before
// it reads the variables, so an older file beside a newer variable is no change.
package values

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// kubeletLink is what the kubelet replaces to change all files of a volume at once.
const kubeletLink = "..data"

// content is a value, or that there is none.
type content struct {
	text  string
	there bool
}

// Watch compares the files of Directory, one for each value, with the Values of the container.
type Watch struct {
	Directory string
	Values    map[string]string
	// Optional values may go as well as change; of any other a missing file means nothing.
	Optional []string

	known map[string]content
	link  string
}

// Wait looks every interval until a value has changed, and gives the names of those that have; nil
// when ctx has ended, or at once where there is no directory.
func (w *Watch) Wait(ctx context.Context, interval time.Duration) []string {
	if _, err := os.Stat(w.Directory); err != nil {
		return nil
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if changed := w.look(); len(changed) > 0 {
			return changed
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look gives the names of values that differ both from the variable and from what was known.
func (w *Watch) look() []string {
	link, err := os.Readlink(filepath.Join(w.Directory, kubeletLink))
	if err == nil && link == w.link {
		return nil
	}
	files, err := w.read()
	if err != nil {
		return nil // another look follows
	}
	w.link = link
	if w.known == nil {
		w.known = map[string]content{}
	}
	var changed []string
	for _, name := range w.names(files) {
		if w.hasChanged(name, files[name]) {
			changed = append(changed, name)
		}
	}
	return changed
}

func (w *Watch) hasChanged(name string, now content) bool {
	text, there := w.Values[name]
	given := content{text, there}
	known, seen := w.known[name]
	switch {
	case now == given:
		w.known[name] = given
	case !seen:
		w.known[name] = now
	case now != known:
		return now.there || slices.Contains(w.Optional, name)
	}
	return false
}

func (w *Watch) names(files map[string]content) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	for name := range w.Values {
		names = append(names, name)
	}
	names = append(names, w.Optional...)
	slices.Sort(names)
	return slices.Compact(names)
}

func (w *Watch) read() (map[string]content, error) {
	entries, err := os.ReadDir(w.Directory)
	if err != nil {
		return nil, err
	}
	files := map[string]content{}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(w.Directory, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[entry.Name()] = content{string(text), true}
	}
	return files, nil
}
