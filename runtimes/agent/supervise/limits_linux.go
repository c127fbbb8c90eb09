//go:build !portable

package supervise

import "syscall"

// Limits of Lambda's sandbox (spec/lambda.md, section 6.1). LIMIT: its NPROC is left out, which the kernel
// counts by user and node, and all functions of a node run as one user.
const (
	rlimitMemlock = 8 // of Linux; package syscall has no name for it
	lockedBytes   = 64 * 1024
)

// limitSelf sets what the function's processes inherit; nothing is raised.
func limitSelf() {
	lower(syscall.RLIMIT_NOFILE, openFilesMax)
	lower(rlimitMemlock, lockedBytes)
	// A core of the function would fill the pod's disk and delay the news of its end.
	lower(syscall.RLIMIT_CORE, 0)
}
