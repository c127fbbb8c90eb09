package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// What one warm event costs the agent and AWS's Python client, without a gateway:
//
//	go test -run ^$ -bench BenchmarkHotPath -benchtime 2000x .
//
// TEST_AGENT names a stripped binary to measure in place of the test binary: two of them in turns compare two
// trees.

// hotPathEnvironments is how many environments the row of many has: more than this machine has cores.
const hotPathEnvironments = 20

func BenchmarkHotPath(b *testing.B) {
	b.Run("closed", func(b *testing.B) { benchmarkHotPath(b, 1, 0) })
	b.Run("paced", func(b *testing.B) { benchmarkHotPath(b, 1, 10*time.Millisecond) })
	b.Run("many", func(b *testing.B) { benchmarkHotPath(b, hotPathEnvironments, 0) })
}

// BenchmarkSystemCalls counts those of the agent with strace, one event each 5 ms: strace makes each of them
// slower, so its times mean nothing.
func BenchmarkSystemCalls(b *testing.B) {
	one := startHotPath(b)
	one.invoke(b, 50, 0)
	file := filepath.Join(b.TempDir(), "counts")
	strace := exec.Command("strace", "-f", "-c", "-qq", "-o", file, "-p", strconv.Itoa(one.agent.pid))
	if err := strace.Start(); err != nil {
		b.Skip(err)
	}
	time.Sleep(300 * time.Millisecond)
	one.invoke(b, b.N, 5*time.Millisecond)
	_ = strace.Process.Signal(syscall.SIGINT)
	_ = strace.Wait()
	counts, _ := os.ReadFile(file)
	for _, line := range strings.Split(string(counts), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if calls, err := strconv.Atoi(fields[3]); err == nil {
			b.ReportMetric(float64(calls)/float64(b.N), fields[len(fields)-1])
		}
	}
}

// hotPath is one environment with a handler that returns at once.
type hotPath struct {
	agent   *agent
	session *session
	number  int
}

func startHotPath(b *testing.B) *hotPath {
	b.Helper()
	a := prepareAgent(b, newGateway(b, testKey), "obey", ricArguments(b))
	a.useBuilt()
	a.command.Stdout = io.Discard // a pipe, as in a pod
	a.run()
	s := a.gateway.session()
	changes := ricConfiguration("def handler(event, context):\n    return {}\n")
	changes["environment"].(map[string]string)["AWS_EXECUTION_ENV"] = "AWS_Lambda_python3.13"
	s.configure(changes)
	s.control(link.InitDone)
	return &hotPath{agent: a, session: s}
}

// invoke runs events one after the other: at once, or one each pause.
func (h *hotPath) invoke(b *testing.B, count int, pause time.Duration) []time.Duration {
	times := make([]time.Duration, 0, count)
	due := time.Now()
	for range count {
		if pause > 0 {
			due = due.Add(pause)
			time.Sleep(time.Until(due))
		}
		h.number++
		begin := time.Now()
		h.session.invoke(fmt.Sprintf("8e0a9d4c-0d6f-4c0b-9d5e-%012d", h.number), []byte("{}"), nil)
		h.session.waitFor(link.ResponseEnd)
		times = append(times, time.Since(begin))
		h.session.waitFor(link.Idle)
	}
	return times
}

func benchmarkHotPath(b *testing.B, environments int, pause time.Duration) {
	all := make([]*hotPath, environments)
	for number := range all {
		all[number] = startHotPath(b)
		all[number].invoke(b, 50, 0)
	}
	before, client := cost{}, cost{}
	for _, one := range all {
		before, client = before.plus(costOf(one.agent.pid)), client.plus(costBelow(one.agent.pid))
	}
	each := max(1, b.N/environments)
	var wait sync.WaitGroup
	var times []time.Duration
	count := countCalls(all[0].agent.pid)
	begin := time.Now()
	for _, one := range all {
		wait.Add(1)
		go func() {
			defer wait.Done()
			mine := one.invoke(b, each, pause)
			if one == all[0] {
				times = mine
			}
		}()
	}
	wait.Wait()
	took := time.Since(begin)
	if calls := count(); calls > 0 {
		b.ReportMetric(calls/float64(each), "calls/op")
	}
	after, clientAfter := cost{}, cost{}
	for _, one := range all {
		after, clientAfter = after.plus(costOf(one.agent.pid)), clientAfter.plus(costBelow(one.agent.pid))
	}
	events := float64(each * environments)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(events/took.Seconds(), "events/s")
	after.minus(before).report(b, "agent", events)
	clientAfter.minus(client).report(b, "client", events)
	reportPercentiles(b, times)
	b.ReportMetric(resident(all[0].agent.pid), "agent-KiB")
}

// countCalls counts the agent's system calls with perf, which does not slow it down; what it gives stops the
// count, and gives 0 where perf may not look at them.
func countCalls(pid int) func() float64 {
	var report bytes.Buffer
	perf := exec.Command("perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", strconv.Itoa(pid))
	perf.Stderr = &report
	if perf.Start() != nil {
		return func() float64 { return 0 }
	}
	time.Sleep(200 * time.Millisecond)
	return func() float64 {
		_ = perf.Process.Signal(syscall.SIGINT)
		_ = perf.Wait()
		calls, _ := strconv.ParseFloat(strings.SplitN(report.String(), ",", 2)[0], 64)
		return calls
	}
}

// cost is the time that processes have had on a core: ran in all, and the kernel's part by its ticks.
type cost struct{ ran, kernel time.Duration }

func costOf(pid int) cost {
	user, kernel := ticks(strconv.Itoa(pid))
	found := cost{ran: cpu(pid)}
	if user+kernel > 0 {
		found.kernel = found.ran * kernel / (user + kernel)
	}
	return found
}

// ticks is the time that a process has had in user and in kernel mode, to 10 ms.
func ticks(pid string) (user, kernel time.Duration) {
	text, _ := os.ReadFile("/proc/" + pid + "/stat")
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, 0
	}
	inUser, _ := strconv.Atoi(fields[11])
	inKernel, _ := strconv.Atoi(fields[12])
	return time.Duration(inUser) * 10 * time.Millisecond, time.Duration(inKernel) * 10 * time.Millisecond
}

// costBelow is that of the processes that the agent has started. Their threads come and go, one each event,
// so their ticks are all that is left of them.
func costBelow(pid int) cost {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	total := cost{}
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		for _, child := range strings.Fields(string(text)) {
			user, kernel := ticks(child)
			total = total.plus(cost{user + kernel, kernel})
		}
	}
	return total
}

func (c cost) plus(o cost) cost  { return cost{c.ran + o.ran, c.kernel + o.kernel} }
func (c cost) minus(o cost) cost { return cost{c.ran - o.ran, c.kernel - o.kernel} }

func (c cost) report(b *testing.B, who string, events float64) {
	b.ReportMetric(float64(c.ran.Microseconds())/events, who+"-µs")
	b.ReportMetric(float64(c.kernel.Microseconds())/events, who+"-kernel-µs")
}
