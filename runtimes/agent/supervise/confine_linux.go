//go:build !portable

package supervise

import (
	"os"
	"runtime"
	"syscall"

	"kubelambda.io/agent/landlock"
)

// Confine makes every process that is started from now on, and what descends from it, able to change
// files beneath the directories of writable only. The agent itself stays as it is, and all these
// processes share one domain, so that they can look at each other, but not at the agent. With an
// error nothing has changed.
func (s *Supervisor) Confine(writable []string) error {
	launcher := launcher{orders: make(chan order), confined: make(chan error)}
	go launcher.run(writable)
	if err := <-launcher.confined; err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.fork = launcher.fork
	return nil
}

// launcher is a thread that starts processes. It is never given back to Go: none of the agent's own
// work may run in its domain, and its end would kill what it started (Pdeathsig). New threads of Go
// are not cloned from a locked one, so they stay outside.
type launcher struct {
	orders   chan order
	confined chan error
}

type order struct {
	path       string
	args       []string
	attributes *syscall.ProcAttr
	done       chan started
}

type started struct {
	pid int
	err error
}

func (l launcher) fork(path string, args []string, attributes *syscall.ProcAttr) (int, error) {
	done := make(chan started)
	l.orders <- order{path, args, attributes, done}
	result := <-done
	return result.pid, result.err
}

func (l launcher) run(writable []string) {
	runtime.LockOSThread()
	if syscall.Gettid() == os.Getpid() {
		// Whoever asks for /proc/1 is judged by the main thread's domain: that must not be theirs.
		// This goroutine holds the main thread from now on, so the next one is on another.
		go l.run(writable)
		select {}
	}
	err := landlock.RestrictThread(writable)
	l.confined <- err
	if err != nil {
		return // Go ends a thread whose goroutine ends locked
	}
	for o := range l.orders {
		pid, err := syscall.ForkExec(o.path, o.args, o.attributes)
		o.done <- started{pid, err}
	}
}
