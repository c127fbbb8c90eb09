//go:build !(linux && (amd64 || arm64)) || portable

package quiet

import (
	"syscall"
	"time"
)

// Read reads from a non-blocking descriptor: 0 bytes at its end, EAGAIN where there is nothing now.
func Read(fd int, buffer []byte) (int, error) { return call(syscall.Read, fd, buffer) }

func receive(fd int, buffer []byte, _ bool) (int, error) { return call(syscall.Read, fd, buffer) }

func send(fd int, data []byte) (int, error) { return call(syscall.Write, fd, data) }

func allowWaits(int, time.Duration) error { return syscall.ENOTSUP }

// WriteNow is not known here.
func WriteNow(int, []byte) (int, error) { return 0, syscall.ENOTSUP }

func call(do func(fd int, bytes []byte) (int, error), fd int, bytes []byte) (int, error) {
	for {
		if count, err := do(fd, bytes); err != syscall.EINTR {
			return max(0, count), err
		}
	}
}
