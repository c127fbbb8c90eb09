package code

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Empty removes all that is below directory, also what CloseDirectories has closed: a container that
// was restarted in its pod finds its own former code there. Links are removed, not followed.
func Empty(directory string) error {
	_ = os.Chmod(directory, 0o755) // a pod's volume is not ours, and open already
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	var problems []error
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				_ = os.Chmod(name, 0o755)
			}
			return nil
		})
		problems = append(problems, os.RemoveAll(path))
	}
	return errors.Join(problems...)
}
