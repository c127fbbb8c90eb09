package supervise

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const (
	prSetPdeathsig      = 1
	prSetDumpable       = 4
	prSetChildSubreaper = 36
	signalMax           = 64
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

// CatchSignals takes every signal there is, since one that is not taken kills a Go PID 1; gives
// those that mean something: TERM and INT (drain), HUP (the parent is gone: end now).
func CatchSignals() <-chan os.Signal {
	meant := make(chan os.Signal, 4)
	signal.Notify(meant, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	ignored := make(chan os.Signal, 1) // never read: signal.Notify drops what does not fit
	for number := syscall.Signal(1); number <= signalMax; number++ {
		switch number {
		case syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGCHLD, syscall.SIGURG,
			syscall.SIGKILL, syscall.SIGSTOP:
		default:
			signal.Notify(ignored, number)
		}
	}
	return meant
}
