//go:build linux && (amd64 || arm64) && !portable

package quiet

import (
	"syscall"
	"time"
	"unsafe"
)

// Read reads from a non-blocking descriptor: 0 bytes at its end, EAGAIN where there is nothing now.
func Read(fd int, buffer []byte) (int, error) {
	return call(syscall.SYS_READ, fd, buffer, 0)
}

// receive reads from a socket; EAGAIN where there is nothing now or, where it waits, in time.
func receive(fd int, buffer []byte, waits bool) (int, error) {
	if waits {
		// A signal ends the wait, which is not begun again.
		if count, err := callOnce(syscall.SYS_RECVFROM, fd, buffer, 0); err != syscall.EINTR {
			return count, err
		}
	}
	return call(syscall.SYS_RECVFROM, fd, buffer, syscall.MSG_DONTWAIT)
}

// send writes to a socket what it takes; EAGAIN where that is nothing now.
func send(fd int, data []byte) (int, error) {
	return call(syscall.SYS_SENDTO, fd, data, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

// allowWaits has a receive that waits end after patience. Nothing else of the socket may wait from then on.
func allowWaits(fd int, patience time.Duration) error {
	limit := syscall.NsecToTimeval(patience.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit); err != nil {
		return err
	}
	return syscall.SetNonblock(fd, false)
}

// rwfNowait has pwritev2 fail with EAGAIN where it would have to wait.
const rwfNowait = 0x8

// WriteNow writes what can be written without waiting to a descriptor that may be a blocking one: EAGAIN
// where that is nothing, another error where this kernel cannot tell for such a descriptor.
func WriteNow(fd int, data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	vector := syscall.Iovec{Base: &data[0]}
	vector.SetLen(len(data))
	const asWriteDoes = ^uintptr(0) // at the descriptor's own position
	count, _, errno := syscall.RawSyscall6(sysPwritev2, uintptr(fd), uintptr(unsafe.Pointer(&vector)),
		1, asWriteDoes, asWriteDoes, rwfNowait)
	return result(count, errno)
}

// call is a system call about bytes that is made again where a signal interrupted it.
func call(number uintptr, fd int, bytes []byte, flags int) (int, error) {
	for {
		if count, err := callOnce(number, fd, bytes, flags); err != syscall.EINTR {
			return count, err
		}
	}
}

func callOnce(number uintptr, fd int, bytes []byte, flags int) (int, error) {
	if len(bytes) == 0 {
		return 0, nil
	}
	count, _, errno := syscall.RawSyscall6(number, uintptr(fd),
		uintptr(unsafe.Pointer(&bytes[0])), uintptr(len(bytes)), uintptr(flags), 0, 0)
	return result(count, errno)
}

func result(count uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(count), nil
}
