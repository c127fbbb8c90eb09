package supervise

import (
	"bytes"
	"os"
	"path/filepath"
)

const (
	shell      = "/bin/sh"
	bash       = "/bin/bash"
	firstBytes = 64
)

// runsAsSh gives the command for scripts of /bin/sh on a machine whose sh is another one than Amazon
// Linux's: there it is bash under that name, and scripts rely on it. Images have it so themselves.
func runsAsSh(path string, args []string) (string, []string) {
	isScript := readInterpreter(path) == shell
	if path != shell && !isScript || !isExecutable(bash) || isBash(shell) {
		return path, args
	}
	if isScript {
		args = append([]string{shell, path}, args[1:]...)
	}
	return bash, args
}

// readInterpreter gives the program that a script's first line names, without arguments; empty where
// there is none, and for what may not be run.
func readInterpreter(path string) string {
	if !isExecutable(path) {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	buffer := make([]byte, firstBytes)
	count, _ := file.Read(buffer)
	line, _, _ := bytes.Cut(buffer[:count], []byte("\n"))
	name, found := bytes.CutPrefix(line, []byte("#!"))
	if !found {
		return ""
	}
	return string(bytes.Trim(name, " \t")) // with a carriage return it is another name, as for the kernel
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

func isBash(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && filepath.Base(real) == "bash"
}
