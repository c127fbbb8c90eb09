package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// BenchmarkWarmEvent measures link, agent and runtime together: gateway's write to response's end,
// and on to idle. TEST_AGENT names a stripped binary, else the test binary is the agent.
func BenchmarkWarmEvent(b *testing.B) {
	for _, kind := range []string{"go", "awslambdaric"} {
		b.Run(kind, func(b *testing.B) { benchmarkWarm(b, kind) })
	}
}

func benchmarkWarm(b *testing.B, kind string) {
	var variables []string
	event := []byte(`"echo {}"`)
	if kind == "awslambdaric" {
		variables = append(variables, ricArguments(b))
		event = []byte("{}")
	}
	g := newGateway(b, testKey)
	variables = append(variables, "GODEBUG="+os.Getenv("TEST_GODEBUG"))
	a := prepareAgent(b, g, "obey", variables...)
	a.useBuilt()
	a.command.Stdout = nil
	a.run()
	s := g.session()
	s.configure(ricConfiguration("def handler(event, context):\n    return {}\n"))
	s.control(link.InitDone)
	fresh, cpuBefore := resident(a.pid), cpu(a.pid)
	times := make([]time.Duration, 0, b.N)
	for number := range b.N {
		begin := time.Now()
		s.invoke(fmt.Sprint("id-", number), event, nil)
		s.response()
		times = append(times, time.Since(begin))
		s.control(link.Idle)
	}
	b.ReportMetric(float64((cpu(a.pid)-cpuBefore).Microseconds())/float64(b.N), "agent-cpu-µs")
	reportPercentiles(b, times)
	b.ReportMetric(fresh, "fresh-KiB")
	b.ReportMetric(resident(a.pid), "after-KiB")
}

func reportPercentiles(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/10].Microseconds()), "p10-µs")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

// useBuilt lets the agent be the binary that TEST_AGENT names, where it names one.
func (a *agent) useBuilt() {
	if program := os.Getenv("TEST_AGENT"); program != "" {
		a.command.Args[len(a.command.Args)-1] = program
		if !asInit() {
			a.command.Path = program
		}
	}
}

// BenchmarkColdStart measures from configure to the end of init, with a runtime that only asks for its
// first event; with TEST_AS_INIT as in a pod.
func BenchmarkColdStart(b *testing.B) {
	times := make([]time.Duration, 0, b.N)
	var fresh float64
	for range b.N {
		a := prepareAgent(b, newGateway(b, testKey), "obey")
		a.useBuilt()
		a.run()
		s := a.gateway.session()
		begin := time.Now()
		s.configure(nil)
		s.control(link.InitDone)
		times = append(times, time.Since(begin))
		fresh += resident(a.pid)
		a.signal(syscall.SIGHUP)
		a.expectExit(0)
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/10].Microseconds()), "p10-µs")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(fresh/float64(b.N), "fresh-KiB")
}

// cpu is what the process has used, in user and kernel mode.
func cpu(pid int) time.Duration {
	total := time.Duration(0)
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, thread := range threads {
		var ran time.Duration
		text, _ := os.ReadFile(thread)
		_, _ = fmt.Sscan(string(text), &ran)
		total += ran
	}
	return total
}

func resident(pid int) float64 {
	var kilobytes float64
	_, _ = fmt.Sscan(strings.TrimSuffix(statusField(filepath.Join("/proc", fmt.Sprint(pid)), "VmRSS:"), " kB"), &kilobytes)
	return kilobytes
}

// BenchmarkMemoryAfterLargeBodies shows what stays resident after 6 MiB in and 6 MiB out.
func BenchmarkMemoryAfterLargeBodies(b *testing.B) {
	a := prepareAgent(b, newGateway(b, testKey), "obey")
	a.useBuilt()
	a.run()
	s := a.gateway.session()
	s.configure(nil)
	s.control(link.InitDone)
	event := append([]byte("echo "), make([]byte, 6_291_000)...)
	for number := range b.N {
		s.do(fmt.Sprint("id-", number), string(event), nil)
	}
	settle(s)
	b.ReportMetric(resident(a.pid), "after-KiB")
	b.ReportMetric(peak(a.pid), "peak-KiB")
}

// settle answers pings for long enough that a large result is let go and memory given back.
func settle(s *session) {
	for end := time.After(500 * time.Millisecond); ; {
		select {
		case frame := <-s.frames:
			if frame.Type == link.Ping {
				s.sendRaw(link.Pong, nil)
			}
		case <-end:
			return
		}
	}
}

func peak(pid int) float64 {
	var kilobytes float64
	_, _ = fmt.Sscan(strings.TrimSuffix(statusField(fmt.Sprint("/proc/", pid), "VmHWM:"), " kB"), &kilobytes)
	return kilobytes
}
