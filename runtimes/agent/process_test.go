package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// runtimePID asks the runtime for its number.
func (a *agent) runtimePID(s *session) int {
	a.t.Helper()
	got, _ := s.do("pid", "pid", nil)
	pid, err := strconv.Atoi(string(got.body))
	if err != nil {
		a.t.Fatal(err)
	}
	return pid
}

// waitForState waits for one of the letters of ps, T for stopped; for the end where there are none. A
// shell that was about to start a program when it was stopped stays in D: it waits for a child that is
// stopped as well.
func (a *agent) waitForState(pid int, letters string) {
	a.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if state := a.state(pid); state == letters || state != "" && strings.Contains(letters, state) {
			return
		}
	}
	a.t.Fatalf("process %d is in state %q, not %q", pid, a.state(pid), letters)
}

// waitForPIDs waits until a file in the scratch directory holds so many numbers.
func (a *agent) waitForPIDs(file string, count int) []int {
	a.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		text, _ := os.ReadFile(a.scratch + "/" + file)
		fields := strings.Fields(string(text))
		if len(fields) < count {
			continue
		}
		pids := make([]int, len(fields))
		for number, field := range fields {
			pids[number], _ = strconv.Atoi(field)
		}
		return pids
	}
	a.t.Fatalf("no %d processes were started", count)
	return nil
}

func (a *agent) expectAllDead(pids []int) {
	a.t.Helper()
	for _, pid := range pids {
		if a.alive(pid) {
			a.t.Errorf("process %d is alive", pid)
		}
	}
}

func (a *agent) expectExit(code int) {
	a.t.Helper()
	select {
	case err := <-a.exited:
		a.exited <- err
		if got := a.command.ProcessState.ExitCode(); got != code {
			a.t.Errorf("exit code %d: %v", got, err)
		}
	case <-time.After(30 * time.Second):
		a.t.Error("the agent goes on")
	}
}

func TestAnIdleEnvironmentIsFrozenAndThawed(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=20")
	s.do("id-0", "shell echo $$ >$SCRATCH/background; while true; do echo x >>$SCRATCH/beats; sleep 0.005; done", nil)
	a.runUntilBeats(s, 0)
	runtime, background := a.runtimePID(s), a.waitForPIDs("background", 1)[0]
	a.waitForState(runtime, "T")
	a.waitForState(background, "TD")
	before := a.beats()
	for end := time.Now().Add(30 * time.Second); ; before = a.beats() {
		time.Sleep(100 * time.Millisecond)
		if a.beats() == before {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the background goes on")
		}
	}
	a.runUntilBeats(s, before)
	a.waitForState(runtime, "T")
}

// beats is how much the background process has written so far.
func (a *agent) beats() int64 {
	info, err := os.Stat(a.scratch + "/beats")
	if err != nil {
		return 0
	}
	return info.Size()
}

// runUntilBeats runs events, which thaw the environment, until the background process has written more
// than before. On a busy machine it may not get its turn during the first.
func (a *agent) runUntilBeats(s *session, before int64) {
	a.t.Helper()
	for number := range 100 {
		s.do(fmt.Sprint("beats-", number), "sleep 100ms", nil)
		if a.beats() > before {
			return
		}
	}
	a.t.Fatalf("the background has not gone on from %d beats", before)
}

func TestABusyEnvironmentIsNotFrozenBetweenEvents(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=5000")
	runtime := a.runtimePID(s)
	for number := range 10 {
		s.do(fmt.Sprint("id-", number), "echo x", nil)
		if a.state(runtime) == "T" {
			t.Fatal("frozen at once")
		}
	}
}

func TestFreezingCanBeTurnedOff(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	runtime := a.runtimePID(s)
	time.Sleep(150 * time.Millisecond)
	if a.state(runtime) == "T" {
		t.Error("frozen")
	}
}

func TestAFrozenEnvironmentIsKilledAllTheSame(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=0")
	runtime := a.runtimePID(s)
	a.waitForState(runtime, "T")
	s.send(0x71, map[string]any{"reason": "spindown"})
	s.closed()
	a.expectExit(0)
	if a.alive(runtime) {
		t.Error("the runtime lives on")
	}
}

func TestAnAgentKillsItsOwnDescendantsOnly(t *testing.T) {
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()
	one, s1 := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	other, s2 := startReady(t, "obey")
	survivor := other.runtimePID(s2)
	s1.do("id-1", "shell setsid sh -c 'echo $$ >$SCRATCH/pid; sleep 60' &", nil)
	left := one.waitForPIDs("pid", 1)
	s1.invoke("id-2", []byte("hang"), map[string]any{"timeoutMs": 200})
	s1.response()
	s1.frame()
	one.expectAllDead(left)
	if !other.alive(survivor) || bystander.Process.Signal(syscall.Signal(0)) != nil {
		t.Error("a process of someone else was killed")
	}
	if got, _ := s2.do("id-3", "echo here", nil); string(got.body) != "here" {
		t.Errorf("got %s", got.body)
	}
}

func TestTheRuntimeDiesWithTheAgent(t *testing.T) {
	a, s := startReady(t, "obey")
	runtime := a.runtimePID(s)
	_ = syscall.Kill(a.pid, syscall.SIGKILL)
	a.waitForState(runtime, "")
}

func TestTheAgentEndsWithItsParent(t *testing.T) {
	if asInit() {
		t.Log("PID 1 has no parent to lose")
		return
	}
	a := prepareAgent(t, newGateway(t, testKey), "obey")
	program := a.command.Path
	a.command.Path = "/bin/sh"
	a.command.Args = []string{"sh", "-c", program + " & echo agent $!; wait"}
	a.run()
	s := a.gateway.session()
	s.configure(nil)
	s.control(link.InitDone)
	runtime := a.runtimePID(s)
	if err := a.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var agent int
	if _, err := fmt.Sscanf(a.waitForLog("agent "), "agent %d", &agent); err != nil {
		t.Fatal(err)
	}
	a.waitForState(agent, "")
	a.waitForState(runtime, "")
}

func TestOrphansOfTheFunctionAreReaped(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	s.do("id-1", "shell for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.05 &) ; done", nil)
	time.Sleep(300 * time.Millisecond)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", a.pid, a.pid))
	for _, child := range strings.Fields(string(children)) {
		if strings.HasPrefix(statusField("/proc/"+child, "State:"), "Z") {
			t.Errorf("process %s is a zombie", child)
		}
	}
}

func TestTheAgentCannotBeReadByTheFunction(t *testing.T) {
	a, _ := startReady(t, "obey")
	status := fmt.Sprintf("/proc/%d", a.pid)
	info, err := os.Stat(status + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
		t.Errorf("/proc/agent/environ belongs to %d", owner)
	}
	if os.Getuid() != 0 {
		if _, err := os.ReadFile(status + "/environ"); err == nil {
			t.Error("the agent's environment can be read")
		}
	}
}

func TestTheFunctionGoesBeforeTheAgentWhereMemoryEnds(t *testing.T) {
	a, s := startReady(t, "obey")
	got, _ := s.do("id-1", "read /proc/self/oom_score_adj", nil)
	if strings.TrimSpace(string(got.body)) != "1000" {
		t.Errorf("got %s", got.body)
	}
	own, _ := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", a.pid))
	if strings.TrimSpace(string(own)) == "1000" {
		t.Error("the agent would go too")
	}
}

func TestMaxMemoryIsWhatTheProcessesHold(t *testing.T) {
	_, s := startReady(t, "obey")
	_, report := s.do("id-1", "hold 64", nil)
	most := 120.0
	if raceDetector {
		most = 640 // it remembers who used the memory, in up to ten times as much
	}
	if used := report["maxMemoryMB"].(float64); used < 64 || used > most {
		t.Errorf("got %v", report)
	}
}

func TestAMissingOrBrokenSettingIsFatal(t *testing.T) {
	for _, broken := range []string{
		"KUBELAMBDA_KEY=zz", "KUBELAMBDA_KEY=00", "KUBELAMBDA_GATEWAY=", "KUBELAMBDA_POD=",
		"KUBELAMBDA_BOOTSTRAP={}", "KUBELAMBDA_IDLE_FREEZE_MS=soon",
	} {
		a := startAgent(t, newGateway(t, testKey), "obey", broken)
		select {
		case <-a.exited:
			a.exited <- nil
			if code := a.command.ProcessState.ExitCode(); code != 1 {
				t.Errorf("%s: exit code %d", broken, code)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s: the agent runs", broken)
		}
	}
}
