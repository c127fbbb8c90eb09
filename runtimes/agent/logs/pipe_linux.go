//go:build !portable

package logs

import "syscall"

// openPipe gives a pipe that no program inherits.
func openPipe() (ends [2]int, err error) {
	err = syscall.Pipe2(ends[:], syscall.O_CLOEXEC)
	return ends, err
}
