//go:build !portable

package quiet

import (
	"syscall"
	"unsafe"
)

// Read reads from a non-blocking descriptor: 0 bytes at its end, EAGAIN where there is nothing now.
func Read(fd int, buffer []byte) (int, error) { return call(syscall.SYS_READ, fd, buffer) }

// Write writes to a non-blocking descriptor what it takes: EAGAIN where that is nothing now.
func Write(fd int, data []byte) (int, error) { return call(syscall.SYS_WRITE, fd, data) }

// rwfNowait has pwritev2 fail with EAGAIN where it would have to wait.
const rwfNowait = 0x8

// WriteNow writes what can be written without waiting to a descriptor that may be a blocking one: EAGAIN
// where that is nothing, EOPNOTSUPP or ENOSYS where this kernel cannot say so of such a descriptor.
func WriteNow(fd int, data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	vector := syscall.Iovec{Base: &data[0]}
	vector.SetLen(len(data))
	const asWriteDoes = ^uintptr(0) // the position of the descriptor, and no other
	for {
		count, _, errno := syscall.RawSyscall6(sysPwritev2, uintptr(fd), uintptr(unsafe.Pointer(&vector)),
			1, asWriteDoes, asWriteDoes, rwfNowait)
		switch errno {
		case 0:
			return int(count), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

func call(number uintptr, fd int, bytes []byte) (int, error) {
	if len(bytes) == 0 {
		return 0, nil
	}
	for {
		count, _, errno := syscall.RawSyscall(
			number, uintptr(fd), uintptr(unsafe.Pointer(&bytes[0])), uintptr(len(bytes)))
		switch errno {
		case 0:
			return int(count), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
