package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asInit says that agents are to run as PID 1 of a namespace of their own, as in a pod. Without root
// it needs user namespaces; hack/agent-test runs the tests both ways where it can and says so where
// it cannot.
func asInit() bool { return os.Getenv("TEST_AS_INIT") != "" }

func wrapAgent(program string) *exec.Cmd {
	if !asInit() {
		return exec.Command(program)
	}
	arguments := []string{"--pid", "--fork", "--mount-proc", "--kill-child", program}
	if os.Getuid() != 0 {
		arguments = append([]string{"--user", "--map-current-user"}, arguments...)
	}
	return exec.Command("unshare", arguments...)
}

// findPID gives the agent's own number; unshare stands before it in a namespace.
func (a *agent) findPID() int {
	a.t.Helper()
	if !asInit() {
		return a.command.Process.Pid
	}
	own := strconv.Itoa(a.command.Process.Pid)
	for range 1000 {
		text, _ := os.ReadFile("/proc/" + own + "/task/" + own + "/children")
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
		time.Sleep(time.Millisecond)
	}
	return 0 // it has ended already
}

// alive says whether a process, by its number as the function knows it, runs.
func (a *agent) alive(pid int) bool { return a.state(pid) != "" }

// state is the letter of the process's state (T for stopped), empty where there is no process.
func (a *agent) state(pid int) string {
	if !asInit() {
		return stateIn("/proc/" + strconv.Itoa(pid))
	}
	namespace, _ := os.Readlink("/proc/" + strconv.Itoa(a.pid) + "/ns/pid")
	if namespace == "" {
		return "" // the namespace dies with its PID 1
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if of, _ := os.Readlink(process + "/ns/pid"); of == namespace && innerPID(process) == pid {
			return stateIn(process)
		}
	}
	return ""
}

func innerPID(process string) int {
	fields := strings.Fields(statusField(process, "NSpid:"))
	if len(fields) == 0 {
		return 0
	}
	pid, _ := strconv.Atoi(fields[len(fields)-1])
	return pid
}

func stateIn(process string) string {
	letter, _, _ := strings.Cut(statusField(process, "State:"), " ")
	if letter == "Z" {
		return ""
	}
	return letter
}

func statusField(process, name string) string {
	text, _ := os.ReadFile(process + "/status")
	for _, line := range strings.Split(string(text), "\n") {
		if rest, found := strings.CutPrefix(line, name); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// signal sends a signal to the agent itself.
func (a *agent) signal(number syscall.Signal) {
	a.t.Helper()
	if err := syscall.Kill(a.pid, number); err != nil {
		a.t.Fatal(err)
	}
}

func TestWhetherTheAgentIsInit(t *testing.T) {
	t.Logf("agents run as PID 1: %v; as root: %v", asInit(), os.Getuid() == 0)
}
