package supervise

import (
	"os"
	"os/signal"
	"syscall"
)

const signalMax = 64

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
