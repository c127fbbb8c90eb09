//go:build !portable

package quiet

import (
	"syscall"
	"unsafe"
)

const (
	atFDCWD     = -100
	fileBytes   = 4 * 1024
	directoryOf = 8 * 1024
)

// ReadProc gives a file of /proc, whose reading waits for nothing; what can be read of it, where it ends in
// an error. Four system calls; os.ReadFile makes nine, and has them watched.
func ReadProc(path string) []byte {
	fd, err := openProc(path, 0)
	if err != nil {
		return nil
	}
	defer closeProc(fd)
	var text []byte
	for buffer := make([]byte, fileBytes); ; {
		count := readProc(syscall.SYS_READ, fd, buffer)
		if count <= 0 {
			return text
		}
		text = append(text, buffer[:count]...)
	}
}

// ListProc gives the names in a directory of /proc.
func ListProc(path string) []string {
	fd, err := openProc(path, syscall.O_DIRECTORY)
	if err != nil {
		return nil
	}
	defer closeProc(fd)
	var names []string
	buffer := make([]byte, directoryOf)
	for {
		count := readProc(syscall.SYS_GETDENTS64, fd, buffer)
		if count <= 0 {
			return names
		}
		_, _, names = syscall.ParseDirent(buffer[:count], -1, names)
	}
}

func openProc(path string, flags int) (int, error) {
	text, err := syscall.BytePtrFromString(path)
	if err != nil {
		return 0, err
	}
	directory := atFDCWD
	fd, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, uintptr(directory),
		uintptr(unsafe.Pointer(text)), uintptr(flags|syscall.O_RDONLY|syscall.O_CLOEXEC), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

func closeProc(fd int) { _, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }

// readProc gives the bytes read, 0 at the end and less than 0 for an error.
func readProc(number uintptr, fd int, buffer []byte) int {
	count, _, errno := syscall.RawSyscall(
		number, uintptr(fd), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)))
	if errno != 0 {
		return -1
	}
	return int(count)
}
