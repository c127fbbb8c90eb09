//go:build !portable

package supervise

import (
	"fmt"
	"syscall"
)

const (
	prSetPdeathsig      = 1
	prSetDumpable       = 4
	prSetChildSubreaper = 36
)

// shieldSelf closes /proc/self (environment, files, memory) to the function, which runs as the same
// user, before there is a function; outside a pod it also ties the agent to its parent and its
// children to the agent.
func shieldSelf(isInit bool) error {
	if err := prctl(prSetDumpable, 0); err != nil {
		return fmt.Errorf("PR_SET_DUMPABLE: %w", err)
	}
	limitSelf()
	if isInit {
		return nil
	}
	if err := prctl(prSetChildSubreaper, 1); err != nil {
		return fmt.Errorf("PR_SET_CHILD_SUBREAPER: %w", err)
	}
	return prctl(prSetPdeathsig, uintptr(syscall.SIGHUP))
}

func prctl(option, value uintptr) error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, option, value, 0); errno != 0 {
		return errno
	}
	return nil
}
