package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// between checks that a time of spec 9.3 was kept, with room for a busy machine above it.
func between(t *testing.T, what string, took, least time.Duration) {
	t.Helper()
	if took < least || took > least+1400*time.Millisecond {
		t.Errorf("%s took %v in place of %v", what, took, least)
	}
}

// endSpundown ends the environment by shutdown and gives how long it took.
func endSpundown(a *agent, s *session) time.Duration {
	begin := time.Now()
	s.send(link.Shutdown, map[string]any{"reason": "spindown"})
	s.closed()
	a.expectExit(0)
	return time.Since(begin)
}

func TestWithoutExtensionsThereIsNoSIGTERM(t *testing.T) {
	a, s := startReady(t, "term")
	pid := a.runtimePID(s)
	between(t, "the end", endSpundown(a, s), 0)
	if strings.Contains(a.log(), "SIGTERM") || a.alive(pid) {
		t.Errorf("the log is\n%s", a.log())
	}
}

func TestATimeoutWithoutExtensionsSendsNoSIGTERM(t *testing.T) {
	a, s := startReady(t, "term")
	s.invoke("id-1", []byte("hang"), map[string]any{"timeoutMs": 200})
	s.response()
	s.control(link.Idle)
	if strings.Contains(a.log(), "SIGTERM") {
		t.Errorf("the log is\n%s", a.log())
	}
}

func TestWithAnInternalExtensionTheRuntimeGetsSIGTERM(t *testing.T) {
	a, s := startExtended(t, "internal-term", nil)
	s.control(link.InitDone)
	pid := a.runtimePID(s)
	a.waitForState(pid, "T") // also a frozen one
	between(t, "the end", endSpundown(a, s), 0)
	if log := a.waitForLog("runtime: got SIGTERM\n"); strings.Contains(log, "next 500") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestWithInternalExtensionsOnlyTheRuntimeHasHalfASecond(t *testing.T) {
	a, s := startExtended(t, "internal-ignores-term", nil)
	s.control(link.InitDone)
	between(t, "the end", endSpundown(a, s), 500*time.Millisecond)
	a.waitForLog("runtime: ignores SIGTERM\n")
}

func TestAnExtensionIsToldOfTheSpindown(t *testing.T) {
	var a *agent
	var begin time.Time
	took := time.Minute
	for try := 0; try < 3 && took > time.Second; try++ { // an extension without a processor is killed after 2 s
		var s *session
		a, s = startExtended(t, "term", map[string]string{"e": "ext-loop " + invokeAndShutdown})
		s.control(link.InitDone)
		begin = time.Now()
		took = endSpundown(a, s)
	}
	between(t, "the end", took, 0)
	log := a.waitForLog("e: got ")
	if !strings.Contains(log, "runtime: got SIGTERM\ne: got {") {
		t.Errorf("SIGTERM does not come first:\n%s", log)
	}
	found := regexp.MustCompile(`e: got \{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":(\d+)\}\n`).FindStringSubmatch(log)
	if found == nil {
		t.Fatalf("the log is\n%s", log)
	}
	deadline, _ := strconv.ParseInt(found[1], 10, 64)
	between(t, "the deadline", time.UnixMilli(deadline).Sub(begin), 1990*time.Millisecond)
}

func TestARuntimeThatIgnoresSIGTERMIsKilledAfterItsShare(t *testing.T) {
	a, s := startExtended(t, "term-ignored", map[string]string{"e": "ext-loop EVENTS=SHUTDOWN"})
	s.control(link.InitDone)
	between(t, "the end", endSpundown(a, s), 600*time.Millisecond)
	if log := a.waitForLog("e: got "); !strings.Contains(log, "runtime: ignores SIGTERM\ne: got {") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAnExtensionThatStaysIsKilledAfterTwoSeconds(t *testing.T) {
	a, s := startExtended(t, "term", map[string]string{"e": "ext-stay EVENTS=SHUTDOWN"})
	s.control(link.InitDone)
	between(t, "the end", endSpundown(a, s), 2*time.Second)
	a.waitForLog("e: stays\n")
}

func TestAnExtensionThatDidNotSubscribeToShutdownIsKilled(t *testing.T) {
	a, s := startExtended(t, "term", map[string]string{"e": "ext-loop EVENTS=INVOKE"})
	s.control(link.InitDone)
	between(t, "the end", endSpundown(a, s), 0)
	if log := a.log(); strings.Contains(log, "SHUTDOWN\",") || !strings.Contains(log, "runtime: got SIGTERM") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestATimeoutResetsWithItsReason(t *testing.T) {
	a, s := startExtended(t, "term", map[string]string{"e": "ext-loop " + invokeAndShutdown})
	s.control(link.InitDone)
	begin := time.Now()
	s.invoke("id-1", []byte("hang"), map[string]any{"timeoutMs": 300})
	if got := s.response(); string(got.body) != timedOut("id-1", "0.30") {
		t.Errorf("got %s", got.body)
	}
	between(t, "the answer", time.Since(begin), 300*time.Millisecond)
	if report := s.control(link.Idle); report["status"] != "timeout" || report["durationMs"] != 300.0 {
		t.Errorf("got %v", report)
	}
	log := a.waitForLog(`e: got {"eventType":"SHUTDOWN","shutdownReason":"timeout",`)
	if !strings.Contains(log, "runtime: got SIGTERM\n") {
		t.Errorf("the log is\n%s", log)
	}
	if got, _ := s.do("id-2", "echo clean", nil); string(got.body) != "clean" {
		t.Errorf("the next event got %s", got.body)
	}
}

func TestTheAnswerToATimeoutDoesNotWaitForTheReset(t *testing.T) {
	_, s := startExtended(t, "term-ignored", map[string]string{"e": "ext-stay " + invokeAndShutdown})
	s.control(link.InitDone)
	begin := time.Now()
	s.invoke("id-1", []byte("hang"), map[string]any{"timeoutMs": 300})
	s.response()
	between(t, "the answer", time.Since(begin), 300*time.Millisecond)
	s.control(link.Idle)
	between(t, "the reset", time.Since(begin), 2300*time.Millisecond)
}

func TestACrashOfTheRuntimeResetsWithItsReason(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"e": "ext-loop " + invokeAndShutdown})
	s.control(link.InitDone)
	got, report := s.do("id-1", "exit 3", nil)
	if string(got.body) != exitError("id-1", "Runtime exited with error: exit status 3") || report["errorType"] != "Runtime.ExitError" {
		t.Errorf("got %s %v", got.body, report)
	}
	log := a.waitForLog("REPORT RequestId: id-1")
	if !strings.Contains(log, `"shutdownReason":"failure"`) {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAnAgentThatGetsSIGTERMTellsItsExtensions(t *testing.T) {
	a, s := startExtended(t, "term", map[string]string{"e": "ext-loop EVENTS=SHUTDOWN"})
	s.control(link.InitDone)
	a.signal(15)
	s.control(link.Leaving)
	s.send(link.Drain, map[string]any{})
	s.closed()
	a.expectExit(0)
	if log := a.log(); !strings.Contains(log, "runtime: got SIGTERM\ne: got {\"eventType\":\"SHUTDOWN\",\"shutdownReason\":\"spindown\"") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAnExtensionAtWorkIsToldWhenItAsks(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"e": "ext-slow " + invokeAndShutdown})
	s.control(link.InitDone)
	s.invoke("id-1", []byte("echo x"), map[string]any{"timeoutMs": 200}) // it takes 400
	s.response()
	if report := s.control(link.Idle); report["status"] != "timeout" {
		t.Errorf("got %v", report)
	}
	a.waitForLog(`e: got {"eventType":"SHUTDOWN","shutdownReason":"timeout",`)
}

func TestAResetWithInternalExtensionsSendsSIGTERMToo(t *testing.T) {
	a, s := startExtended(t, "internal-ignores-term", nil)
	s.control(link.InitDone)
	begin := time.Now()
	s.invoke("id-1", []byte("hang"), map[string]any{"timeoutMs": 200})
	s.response()
	s.control(link.Idle)
	between(t, "the reset", time.Since(begin), 800*time.Millisecond)
	a.waitForLog("runtime: ignores SIGTERM\n")
	if got, _ := s.do("id-2", "echo clean", nil); string(got.body) != "clean" {
		t.Errorf("the next event got %s", got.body)
	}
}

func TestAnAgentThatLosesItsParentEndsAtOnce(t *testing.T) {
	a, s := startExtended(t, "term", map[string]string{"e": "ext-stay EVENTS=SHUTDOWN"})
	s.control(link.InitDone)
	begin := time.Now()
	a.signal(1)
	a.expectExit(0)
	between(t, "the end", time.Since(begin), 0)
	if log := a.log(); strings.Contains(log, "SIGTERM") || strings.Contains(log, "e: got") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestNobodyIsDialledWhileExtensionsEnd(t *testing.T) {
	a, s := startExtended(t, "term", map[string]string{"e": "ext-stay EVENTS=SHUTDOWN"})
	s.control(link.InitDone)
	s.send(link.Shutdown, map[string]any{"reason": "spindown"})
	a.waitForLog("e: stays\n")
	_ = s.conn.Close()
	a.expectExit(0)
	select {
	case again := <-a.gateway.welcomes:
		t.Errorf("dialled again: %v", again.hello)
	default:
	}
}

func TestWhatDescendsFromTheRuntimeGetsSIGTERMToo(t *testing.T) {
	// The extension keeps the environment from SIGKILL until the child has had its turn.
	heard := t.TempDir() + "/heard"
	a, s := startExtended(t, "term", map[string]string{"e": "ext-stay-until EVENTS=SHUTDOWN UNTIL=" + heard},
		"KUBELAMBDA_IDLE_FREEZE_MS=-1", "HEARD="+heard)
	s.control(link.InitDone)
	s.do("id-1", `shell trap 'echo child: got SIGTERM; : >$HEARD; exit' TERM; echo ready; while true; do sleep 0.01; done`, nil)
	a.waitForLog("ready\n")
	endSpundown(a, s)
	a.waitForLog("child: got SIGTERM\n")
}
