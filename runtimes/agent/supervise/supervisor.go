// Package supervise starts, counts, stops and ends the processes of one environment.
//
// Contract: everything that ever descended from a started process is found and ended, whether the
// agent is PID 1 of a pod or one process among others (local mode). One reaper waits for all
// children; nothing in this program may use os/exec or wait for a process elsewhere.
package supervise

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	killPatience = 5 * time.Second
	killPauseMin = 100 * time.Microsecond
	killPauseMax = 5 * time.Millisecond
)

// Spec is one process to start; Path is absolute, Stdout serves standard error too.
type Spec struct {
	Path      string
	Args      []string
	Env       []string
	Directory string
	// Stdin is /dev/null where it is nil.
	Stdin  *os.File
	Stdout uintptr
	// Files are the descriptors from 3 on.
	Files []*os.File
	// Exited is called once, from a goroutine of its own, when the process itself has ended.
	Exited func(status Status)
}

// fork is syscall.ForkExec, or the same on the thread of a launcher.
type fork func(path string, args []string, attributes *syscall.ProcAttr) (int, error)

// Supervisor owns all children of this process.
type Supervisor struct {
	isInit  bool
	devNull *os.File
	mutex   sync.Mutex
	fork    fork
	exits   map[int]func(Status)
	// groups are those that were started, where a process group is all that is known of a tree.
	groups map[int]bool
}

// New takes over the children of this process: closes the agent to them, becomes their reaper.
func New() (*Supervisor, error) {
	isInit := os.Getpid() == 1
	if err := shieldSelf(isInit); err != nil {
		return nil, err
	}
	devNull, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	s := &Supervisor{
		isInit: isInit, devNull: devNull, fork: syscall.ForkExec, exits: map[int]func(Status){},
		groups: map[int]bool{},
	}
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for range children {
			s.reap()
		}
	}()
	return s, nil
}

// IsInit says whether the agent is PID 1, and so alone with its children.
func (s *Supervisor) IsInit() bool { return s.isInit }

// Start runs a process and gives its number; the error is the system's (fork, chdir or exec).
func (s *Supervisor) Start(spec Spec) (int, error) {
	s.mutex.Lock() // the reaper must not see the child before its entry is here
	defer s.mutex.Unlock()
	path, args := spec.Path, spec.Args
	if !s.isInit {
		path, args = runsAsSh(path, args)
	}
	pid, err := s.fork(path, args, &syscall.ProcAttr{
		Dir:   spec.Directory,
		Env:   spec.Env,
		Files: s.descriptors(spec),
		Sys:   ownAttributes(),
	})
	if err != nil {
		return 0, err
	}
	s.noteStarted(pid)
	s.exits[pid] = spec.Exited
	return pid, nil
}

func (s *Supervisor) descriptors(spec Spec) []uintptr {
	stdin := s.devNull
	if spec.Stdin != nil {
		stdin = spec.Stdin
	}
	descriptors := []uintptr{stdin.Fd(), spec.Stdout, spec.Stdout}
	for _, file := range spec.Files {
		descriptors = append(descriptors, file.Fd())
	}
	return descriptors
}

// Signal sends a signal to a process that Start gave and to what descends from it; none where the
// process has ended.
func (s *Supervisor) Signal(pid int, number syscall.Signal) {
	s.mutex.Lock() // the number cannot be someone else's before it has been reaped
	defer s.mutex.Unlock()
	if _, running := s.exits[pid]; !running {
		return
	}
	signalTree(pid, number)
}

// KillAll ends every process of the environment, also those that left their group or session, and
// returns when none is left (or after 5 s, with false).
func (s *Supervisor) KillAll() bool {
	pause := killPauseMin
	for end := time.Now().Add(killPatience); time.Now().Before(end); {
		s.signalAll(syscall.SIGKILL)
		if s.reap() {
			return true
		}
		time.Sleep(pause)
		pause = min(2*pause, killPauseMax)
	}
	return false
}

// Freeze stops every process; Thaw lets them go on.
func (s *Supervisor) Freeze() { s.signalAll(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (s *Supervisor) Thaw() { s.signalAll(syscall.SIGCONT) }

// reap collects all dead children; true when no child is left, dead or alive.
func (s *Supervisor) reap() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return true
		case pid == 0:
			return false
		}
		if exited, known := s.exits[pid]; known {
			delete(s.exits, pid)
			go exited(Status(status))
		}
	}
}
