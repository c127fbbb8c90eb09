//go:build !portable

package supervise

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"kubelambda.io/agent/quiet"
)

const childOOMScore = "1000"

// ownAttributes ties a process to the agent.
func ownAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// noteStarted: where the container as a whole is not killed, the function must go before the agent.
func (s *Supervisor) noteStarted(pid int) {
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(childOOMScore), 0)
}

// signalTree signals a process and what descends from it.
func signalTree(pid int, number syscall.Signal) {
	below := descendants(pid)
	_ = syscall.Kill(pid, number)
	for _, child := range below {
		_ = syscall.Kill(child, number)
	}
}

func (s *Supervisor) signalAll(number syscall.Signal) {
	if s.isInit {
		_ = syscall.Kill(-1, number)
		return
	}
	for _, pid := range descendants(os.Getpid()) {
		_ = syscall.Kill(pid, number)
	}
}

// descendants gives every process below one: as subreaper we are an ancestor of all that ever came
// from our children.
func descendants(pid int) []int {
	found := children(pid)
	for next := 0; next < len(found); next++ {
		found = append(found, children(found[next])...)
	}
	return found
}

func children(pid int) []int {
	tasks := "/proc/" + strconv.Itoa(pid) + "/task"
	var found []int
	for _, thread := range quiet.ListProc(tasks) {
		text := quiet.ReadProc(tasks + "/" + thread + "/children")
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

// others gives every process of the pod but the agent.
func others() []int {
	var found []int
	for _, name := range quiet.ListProc("/proc") {
		if pid, err := strconv.Atoi(name); err == nil && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}

// AnonymousBytes is the memory that the environment's processes hold beyond what files back: the
// page cache of unpacked code is not the function's use.
func (s *Supervisor) AnonymousBytes() int64 {
	var pids []int
	if s.isInit {
		pids = others()
	} else {
		pids = descendants(os.Getpid())
	}
	pages := int64(0)
	for _, pid := range pids {
		pages += anonymousPages(pid)
	}
	return pages * int64(os.Getpagesize())
}

func anonymousPages(pid int) int64 {
	fields := strings.Fields(string(quiet.ReadProc("/proc/" + strconv.Itoa(pid) + "/statm")))
	if len(fields) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(fields[1], 10, 64)
	shared, _ := strconv.ParseInt(fields[2], 10, 64)
	return max(0, resident-shared)
}
