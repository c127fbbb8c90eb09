package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

func timedOut(id, seconds string) string {
	return `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ` + id +
		` Error: Task timed out after ` + seconds + ` seconds"}`
}

func exitError(id, text string) string {
	return `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` + id + ` Error: ` + text + `"}`
}

func TestATimeoutIsAnsweredAtTheDeadlineAndKills(t *testing.T) {
	a, s := startReady(t, "obey")
	begin := time.Now()
	s.invoke("id-1", []byte("hang"), map[string]any{"timeoutMs": 300})
	got := s.response()
	between(t, "the answer", time.Since(begin), 300*time.Millisecond)
	if string(got.body) != timedOut("id-1", "0.30") || got.head["functionError"] != true {
		t.Errorf("got %v %s", got.head, got.body)
	}
	report := s.control(link.Idle)
	if report["status"] != "timeout" || report["durationMs"] != 300.0 {
		t.Errorf("got %v", report)
	}
	log := a.waitForLog("REPORT RequestId: id-1")
	wanted := `\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z id-1 Task timed out after 0\.30 seconds\n\n` +
		`END RequestId: id-1\nREPORT RequestId: id-1\t.*\tStatus: timeout\n`
	if !regexp.MustCompile(wanted).MatchString(log) {
		t.Errorf("the log is\n%s", log)
	}
	if got, report := s.do("id-2", "echo clean", nil); string(got.body) != "clean" || report["initMs"] != nil {
		t.Errorf("got %s %v", got.body, report)
	}
}

func TestATimeoutCatchesWhatHasLeftItsSession(t *testing.T) {
	a, s := startReady(t, "obey")
	marker := a.scratch + "/pids"
	script := fmt.Sprintf("shell-and-hang for i in 1 2 3; do setsid sh -c 'echo $$ >>%s; (sleep 60 & echo $! >>%s; "+
		"trap \"\" TERM HUP INT; sleep 60)' & done", marker, marker)
	s.invoke("id-1", []byte(script), map[string]any{"timeoutMs": 1000})
	left := a.waitForPIDs("pids", 6)
	s.response()
	s.control(link.Idle)
	a.expectAllDead(left)
}

func TestTheEndOfTheRuntimeIsAFunctionError(t *testing.T) {
	for _, row := range [][2]string{
		{"exit 0", "Runtime exited without providing a reason"},
		{"exit 3", "Runtime exited with error: exit status 3"},
		{"kill 9", "Runtime exited with error: signal: killed"},
		{"kill 11", "Runtime exited with error: signal: segmentation fault"},
		{"kill 15", "Runtime exited with error: signal: terminated"},
	} {
		t.Run(row[0], func(t *testing.T) {
			a, s := startReady(t, "obey")
			got, report := s.do("id-1", row[0], nil)
			if string(got.body) != exitError("id-1", row[1]) || got.head["functionError"] != true {
				t.Errorf("got %v %s", got.head, got.body)
			}
			if report["status"] != "error" || report["errorType"] != "Runtime.ExitError" {
				t.Errorf("got %v", report)
			}
			log := a.waitForLog("REPORT RequestId: id-1")
			wanted := "RequestId: id-1 Error: " + row[1] + "\nRuntime.ExitError\nEND RequestId: id-1\n"
			if !strings.Contains(log, wanted) || !strings.Contains(log, "\tStatus: error\tError Type: Runtime.ExitError\n") {
				t.Errorf("the log is\n%s", log)
			}
			if got, _ := s.do("id-2", "echo clean", nil); string(got.body) != "clean" {
				t.Errorf("the next event got %s", got.body)
			}
		})
	}
}

func TestAnAnswerOutlivesTheRuntime(t *testing.T) {
	_, s := startReady(t, "obey")
	got, report := s.do("id-1", "answer-and-exit 2", nil)
	if string(got.body) != `"answered"` || report["errorType"] != "Runtime.ExitError" {
		t.Errorf("got %s %v", got.body, report)
	}
	got, report = s.do("id-2", "answer-and-hang", map[string]any{"timeoutMs": 300})
	if string(got.body) != `"answered"` || report["status"] != "timeout" {
		t.Errorf("got %s %v", got.body, report)
	}
}

func TestAnExitWhileIdleIsMadeGoodByTheNextEvent(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	runtime := a.runtimePID(s)
	// The agent ends the shell as well, as soon as it sees the end of the runtime: it must have spoken before.
	s.do("id-1", "shell sleep 0.2; echo does it; kill -9 $PPID", nil)
	a.waitForLog("does it")
	a.waitForState(runtime, "")        // the agent has reaped it
	time.Sleep(300 * time.Millisecond) // and cleans up
	if got, _ := s.do("id-2", "echo again", nil); string(got.body) != "again" {
		t.Errorf("got %s", got.body)
	}
}

func TestAnInitErrorIsKeptForTheEventThatTriesAgain(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "init-error")
	s := a.gateway.session()
	s.configure(nil)
	if failed := s.control(link.InitError); failed["errorType"] != "Runtime.ImportModuleError" {
		t.Errorf("got %v", failed)
	}
	got, report := s.do("id-1", "{}", nil)
	if string(got.body) != `{"errorMessage":"no module","requestId":""}` || got.head["functionError"] != true {
		t.Errorf("got %v %s", got.head, got.body)
	}
	if report["status"] != "error" {
		t.Errorf("got %v", report)
	}
	log := a.waitForLog("REPORT RequestId: id-1")
	wanted := `^INIT_START Runtime Version: test:1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:test\n` +
		`about to fail\nstatus 202\n` +
		`INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n` +
		`about to fail\nstatus 202\n` +
		`INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n` +
		`START RequestId: id-1 Version: \$LATEST\nEND RequestId: id-1\nREPORT RequestId: id-1\t`
	if !regexp.MustCompile(wanted).MatchString(log) {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAnInitThatExitsIsAnExitError(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "init-exit")
	s := a.gateway.session()
	s.configure(nil)
	if failed := s.control(link.InitError); failed["errorType"] != "Runtime.ExitError" {
		t.Errorf("got %v", failed)
	}
	for _, id := range []string{"id-1", "id-2"} {
		got, _ := s.do(id, "{}", nil)
		if string(got.body) != exitError(id, "Runtime exited with error: exit status 3") {
			t.Errorf("got %s", got.body)
		}
	}
}

func TestARuntimeThatStaysAfterItsInitErrorIsEnded(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "init-error-and-stay")
	s := a.gateway.session()
	s.configure(nil)
	s.control(link.InitError)
	log := a.waitForLog("InvalidStateTransition")
	if !strings.Contains(log, "State transition from InitError to Ready failed") {
		t.Errorf("the log is\n%s", log)
	}
	if got, _ := s.do("id-1", "{}", nil); string(got.body) != `{"stayed":true}` {
		t.Errorf("got %s", got.body)
	}
}

func TestASlowInitIsCutAndTriedAgainInsideTheEvent(t *testing.T) {
	marker := t.TempDir() + "/marker"
	a := startAgent(t, newGateway(t, testKey), "init-second", "TEST_MARKER="+marker)
	s := a.gateway.session()
	s.configure(map[string]any{"initTimeoutMs": 400})
	s.control(link.InitError)
	if got, report := s.do("id-1", "echo late", nil); string(got.body) != "late" || report["initMs"] != nil {
		t.Errorf("got %s %v", got.body, report)
	}
	if log := a.waitForLog("\nREPORT "); !regexp.MustCompile(
		`INIT_REPORT Init Duration: 4\d\d\.\d\d ms\tPhase: init\tStatus: timeout\nSTART `).MatchString(log) {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAnInitInsideAnEventIsCutAtTheEventsDeadline(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "init-hang")
	s := a.gateway.session()
	s.configure(map[string]any{"initTimeoutMs": 200})
	s.control(link.InitError)
	got, report := s.do("id-1", "{}", map[string]any{"timeoutMs": 300})
	if string(got.body) != timedOut("id-1", "0.30") || report["status"] != "timeout" {
		t.Errorf("got %s %v", got.body, report)
	}
	if log := a.waitForLog("\nREPORT "); !regexp.MustCompile(
		`INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: timeout\nSTART `).MatchString(log) {
		t.Errorf("the log is\n%s", log)
	}
}

func TestACodeWithoutBootstrapSaysSo(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "", "KUBELAMBDA_BOOTSTRAP=[]")
	s := a.gateway.session()
	s.configure(nil)
	s.control(link.InitError)
	got, _ := s.do("id-1", "{}", nil)
	wanted := `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: id-1 Error: ` +
		`Couldn't find valid bootstrap(s): [` + a.root + `/bootstrap /opt/bootstrap]"}`
	if string(got.body) != wanted {
		t.Errorf("got %s", got.body)
	}
}

func TestACommandThatCannotRunSaysWhy(t *testing.T) {
	plain := t.TempDir() + "/plain"
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	foreign := t.TempDir() + "/foreign" // as a program for another machine
	if err := os.WriteFile(foreign, []byte("\x7fELF\x02\x01\x01 and no more"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, row := range [][2]string{
		{`["/no/such"]`, "fork/exec /no/such: no such file or directory"},
		{`["` + plain + `"]`, "fork/exec " + plain + ": permission denied"},
		{`["` + foreign + `"]`, "fork/exec " + foreign + ": exec format error"},
		{`["no-such-program"]`, "fork/exec no-such-program: no such file or directory"},
	} {
		a := startAgent(t, newGateway(t, testKey), "", "KUBELAMBDA_BOOTSTRAP="+row[0])
		s := a.gateway.session()
		s.configure(nil)
		s.control(link.InitError)
		got, _ := s.do("id-1", "{}", nil)
		wanted := `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: id-1 Error: ` + row[1] + `"}`
		if string(got.body) != wanted {
			t.Errorf("got %s", got.body)
		}
	}
}

func TestAnInlineBootstrapIsExecutable(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "", "KUBELAMBDA_BOOTSTRAP=")
	s := a.gateway.session()
	s.configure(map[string]any{"code": map[string]any{"inline": map[string]string{
		"bootstrap": "#!/bin/sh\necho here; exit 7\n",
	}}})
	s.control(link.InitError)
	a.waitForLog("here\n")
}

func TestUnusableCodeIsAFunctionErrorThatSaysWhy(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey")
	s := a.gateway.session()
	s.configure(map[string]any{"code": map[string]any{"inline": map[string]string{"../x": ""}}})
	if failed := s.control(link.InitError); failed["errorType"] != "Runtime.InvalidCode" {
		t.Errorf("got %v", failed)
	}
	got, _ := s.do("id-1", "{}", nil)
	if !strings.Contains(string(got.body), "leaves the package") {
		t.Errorf("got %s", got.body)
	}
}

func TestSignalsOfTheFunctionDoNotEndTheAgent(t *testing.T) {
	a, s := startReady(t, "obey")
	for number := 1; number <= 64; number++ {
		switch syscall.Signal(number) {
		case syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP: // these are meant
			continue
		case syscall.SIGKILL, syscall.SIGSTOP, 32, 33, 34: // Go cannot take them; PID 1 need not
			if !asInit() {
				continue
			}
		}
		s.invoke(fmt.Sprint("id-", number), fmt.Appendf(nil, "signal-agent %d", number), nil)
		frame, open := s.frame()
		if !open {
			t.Fatalf("signal %d ended the agent: %v", number, <-a.exited)
		}
		for frame.Type != link.Idle {
			frame, _ = s.frame()
		}
	}
	if got, _ := s.do("last", "echo alive", nil); string(got.body) != "alive" {
		t.Errorf("got %s", got.body)
	}
}
