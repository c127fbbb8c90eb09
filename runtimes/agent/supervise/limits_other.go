//go:build !linux || portable

package supervise

import "syscall"

// limitSelf sets what the function's processes inherit. LIMIT: locked memory has no limit here.
func limitSelf() {
	lower(syscall.RLIMIT_NOFILE, openFilesMax)
	lower(syscall.RLIMIT_CORE, 0)
}
