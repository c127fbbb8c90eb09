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
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	childOOMScore = "1000"
	killPatience  = 5 * time.Second
	killPauseMin  = 100 * time.Microsecond
	killPauseMax  = 5 * time.Millisecond
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

// Supervisor owns all children of this process.
type Supervisor struct {
	isInit  bool
	devNull *os.File
	mutex   sync.Mutex
	fork    fork
	exits   map[int]func(Status)
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
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, err
	}
	// Where the container as a whole is not killed, the function must go before the agent.
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(childOOMScore), 0)
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
	below := descendants(pid)
	_ = syscall.Kill(pid, number)
	for _, child := range below {
		_ = syscall.Kill(child, number)
	}
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

func (s *Supervisor) signalAll(number syscall.Signal) {
	if s.isInit {
		_ = syscall.Kill(-1, number)
		return
	}
	for _, pid := range descendants(os.Getpid()) {
		_ = syscall.Kill(pid, number)
	}
}

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
