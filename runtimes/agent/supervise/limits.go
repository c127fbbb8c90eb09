package supervise

import "syscall"

const openFilesMax = 1024

func lower(resource int, wanted uint64) {
	var current syscall.Rlimit
	if syscall.Getrlimit(resource, &current) != nil {
		return
	}
	limit := min(wanted, current.Max)
	_ = syscall.Setrlimit(resource, &syscall.Rlimit{Cur: limit, Max: limit})
}
