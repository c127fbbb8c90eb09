//go:build !linux || portable

package quiet

import "syscall"

// Read reads from a non-blocking descriptor: 0 bytes at its end, EAGAIN where there is nothing now.
func Read(fd int, buffer []byte) (int, error) { return atLeastNone(syscall.Read(fd, buffer)) }

// Write writes to a non-blocking descriptor what it takes: EAGAIN where that is nothing now.
func Write(fd int, data []byte) (int, error) { return atLeastNone(syscall.Write(fd, data)) }

// WriteNow is not known here: EOPNOTSUPP.
func WriteNow(int, []byte) (int, error) { return 0, syscall.EOPNOTSUPP }

func atLeastNone(count int, err error) (int, error) { return max(0, count), err }
