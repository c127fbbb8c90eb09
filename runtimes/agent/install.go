package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

const (
	programName = "kubelambda-agent"
	programMode = 0o555
)

// install copies this program into directory, where nobody finds it before it is whole. The agent's
// image has neither shell nor cp.
func install(directory string) error {
	source, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer source.Close()
	target := filepath.Join(directory, programName)
	part := target + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, source)
	if err := errors.Join(err, file.Chmod(programMode), file.Close()); err != nil {
		return err
	}
	return os.Rename(part, target)
}
