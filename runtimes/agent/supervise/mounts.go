package supervise

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
)

const (
	prCapAmbient         = 47
	prCapAmbientClearAll = 4
)

// Mount binds what the values of mounts name over their keys, in the mount namespace that local mode has
// started this agent in, and takes the right to mount from the processes that will be started. All
// mounts are tried; the error says which failed.
func Mount(mounts map[string]string) error {
	if len(mounts) == 0 {
		return nil
	}
	problem := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	for _, place := range slices.Sorted(maps.Keys(mounts)) {
		if err := syscall.Mount(mounts[place], place, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			problem = errors.Join(problem, fmt.Errorf("%s cannot be mounted: %w", place, err))
		}
	}
	_, _, errno := syscall.AllThreadsSyscall6(
		syscall.SYS_PRCTL, prCapAmbient, prCapAmbientClearAll, 0, 0, 0, 0,
	)
	if errno != 0 && errno != syscall.EINVAL {
		problem = errors.Join(problem, fmt.Errorf("PR_CAP_AMBIENT: %w", errno))
	}
	return problem
}
