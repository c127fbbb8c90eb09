// Package landlock takes from a thread, and from all processes that it starts, the right to change
// files anywhere but beneath named directories.
//
// Contract: raw system calls, no policy: who is restricted, and to what, is the caller's to say.
// Mode bits, owners, times and extended attributes are not Landlock's; descriptors that are open
// already stay as they are. Source: Documentation/userspace-api/landlock.rst of Linux.
package landlock

// The rights of include/uapi/linux/landlock.h that change a file system; reading and executing are
// left to the mode bits.
const (
	writeFile  uint64 = 1 << 1
	removeDir  uint64 = 1 << 4
	removeFile uint64 = 1 << 5
	makeChar   uint64 = 1 << 6
	makeDir    uint64 = 1 << 7
	makeReg    uint64 = 1 << 8
	makeSock   uint64 = 1 << 9
	makeFifo   uint64 = 1 << 10
	makeBlock  uint64 = 1 << 11
	makeSym    uint64 = 1 << 12
	refer      uint64 = 1 << 13
	truncate   uint64 = 1 << 14

	written = writeFile | removeDir | removeFile | makeChar | makeDir | makeReg | makeSock |
		makeFifo | makeBlock | makeSym
)

// Versions of the kernel's interface.
const (
	referABI    = 2 // Linux 5.19
	truncateABI = 3 // Linux 6.2
)

// handled gives the rights that a domain takes away where the kernel speaks version abi; none below
// referABI, where every domain refuses renames and links between directories, also inside of /tmp.
func handled(abi int) uint64 {
	switch {
	case abi < referABI:
		return 0
	case abi < truncateABI:
		return written | refer
	}
	return written | refer | truncate
}
