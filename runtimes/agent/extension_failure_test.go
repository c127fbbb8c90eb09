package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

func extensionError(kind, id, text string) string {
	return `{"errorType":"Extension.` + kind + `","errorMessage":"RequestId: ` + id + ` Error: ` + text + `"}`
}

// failsInit starts an environment whose init fails and gives what the event that tries again is told.
func failsInit(t *testing.T, kind string, scenarios map[string]string) (*agent, answer) {
	t.Helper()
	a, s := startExtended(t, "obey", scenarios)
	if failed := s.control(link.InitError); failed["errorType"] != "Extension."+kind {
		t.Errorf("got %v", failed)
	}
	got, report := s.do("id-1", "echo x", nil)
	if got.head["functionError"] != true || report["status"] != "error" || report["errorType"] != "Extension."+kind {
		t.Errorf("got %v %v", got.head, report)
	}
	return a, got
}

func TestAnExtensionThatExitsInInitIsACrash(t *testing.T) {
	a, got := failsInit(t, "Crash", map[string]string{"e": "ext-exit"})
	if string(got.body) != extensionError("Crash", "id-1", "exit status 3") {
		t.Errorf("got %s", got.body)
	}
	log := a.waitForLog("REPORT RequestId: id-1")
	wanted := `(?s)EXTENSION\tName: e\tState: Started\tEvents: \[\]\n` +
		`INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: Extension.Crash\n` +
		`EXTENSION\tName: e\tState: Started\tEvents: \[\]\n` +
		`INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: Extension.Crash\n` +
		`START RequestId: id-1 Version: \$LATEST\nRequestId: id-1 Error: exit status 3\nExtension.Crash\n` +
		`END RequestId: id-1\nREPORT RequestId: id-1\t[^\n]*Status: error\tError Type: Extension.Crash\n`
	if log = a.waitForLog("Status: error\tError Type: Extension.Crash\n"); !regexp.MustCompile(wanted).MatchString(log) {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAnExtensionThatEndsInAnEventIsACrash(t *testing.T) {
	for _, row := range [][2]string{
		{"ext-exit-on-invoke CODE=5", "exit status 5"},
		{"ext-exit-on-invoke CODE=", "exit code 0"},
		{"ext-killed-on-invoke", "signal: killed"},
	} {
		a, s := startExtended(t, "obey", map[string]string{"e": row[0] + " EVENTS=INVOKE"})
		s.control(link.InitDone)
		s.invoke("id-1", []byte("hang"), nil)
		if got := s.response(); string(got.body) != extensionError("Crash", "id-1", row[1]) || got.head["functionError"] != true {
			t.Errorf("got %v %s", got.head, got.body)
		}
		if report := s.control(link.Idle); report["errorType"] != "Extension.Crash" || report["status"] != "error" {
			t.Errorf("got %v", report)
		}
		a.waitForLog("RequestId: id-1 Error: " + row[1] + "\nExtension.Crash\nEND RequestId: id-1\n")
	}
}

func TestAfterACrashTheNextEventStartsEverythingAgain(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{
		"dies":  "ext-exit-while-idle",
		"other": "ext-loop " + invokeAndShutdown,
	}, "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	s.control(link.InitDone)
	a.waitForLog("dies: leaves")
	a.waitForLog(`other: got {"eventType":"SHUTDOWN","shutdownReason":"failure",`)
	if got, report := s.do("id-1", "echo again", nil); string(got.body) != "again" || report["status"] != "success" {
		t.Errorf("got %s %v", got.body, report)
	}
	if log := a.waitForLog("END RequestId: id-1\n"); strings.Count(log, "other: register 200") != 2 {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAPostedInitErrorIsToldByItsType(t *testing.T) {
	a, got := failsInit(t, "InitError", map[string]string{"e": "ext-init-error"})
	if string(got.body) != extensionError("InitError", "id-1", "exit status 1") {
		t.Errorf("got %s", got.body)
	}
	a.waitForLog("e: init/error 202 {\"status\":\"OK\"}\n")
	a.waitForLog("EXTENSION\tName: e\tState: InitError\tEvents: []\tError Type: Extension.NoConfig\n")
}

func TestAnExtensionThatStaysAfterItsInitErrorIsEnded(t *testing.T) {
	_, got := failsInit(t, "InitError", map[string]string{"e": "ext-init-error-stay"})
	if string(got.body) != extensionError("InitError", "id-1", "extension e reported Extension.NoConfig") {
		t.Errorf("got %s", got.body)
	}
}

func TestAPostedExitErrorIsToldByItsType(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"e": "ext-exit-error EVENTS=INVOKE"})
	s.control(link.InitDone)
	s.invoke("id-1", []byte("hang"), nil)
	if got := s.response(); string(got.body) != extensionError("ExitError", "id-1", "exit status 1") {
		t.Errorf("got %s", got.body)
	}
	s.control(link.Idle)
	a.waitForLog("e: exit/error 202 {\"status\":\"OK\"}\n")
}

func TestAnExtensionThatCannotBeStartedIsALaunchError(t *testing.T) {
	setting := withExtensions(t, map[string]string{"fine": "ext-loop"})
	path := strings.TrimPrefix(setting, "KUBELAMBDA_OPT_ROOT=") + "/extensions/plain"
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, newGateway(t, testKey), "obey", setting)
	s := a.gateway.session()
	s.configure(nil)
	if failed := s.control(link.InitError); failed["errorType"] != "Extension.LaunchError" {
		t.Errorf("got %v", failed)
	}
	got, _ := s.do("id-1", "echo x", nil)
	if string(got.body) != extensionError("LaunchError", "id-1", "fork/exec "+path+": permission denied") {
		t.Errorf("got %s", got.body)
	}
	a.waitForLog("EXTENSION\tName: plain\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n")
}

func TestDirectoriesAreNoExtensions(t *testing.T) {
	setting := withExtensions(t, nil)
	if err := os.Mkdir(strings.TrimPrefix(setting, "KUBELAMBDA_OPT_ROOT=")+"/extensions/lib", 0o755); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, newGateway(t, testKey), "obey", setting)
	s := a.gateway.session()
	s.configure(nil)
	s.control(link.InitDone)
}

func TestAnEleventhExtensionIsALaunchError(t *testing.T) {
	many := map[string]string{}
	for number := range 11 {
		many[fmt.Sprintf("e%02d", number)] = "ext-silent"
	}
	a, got := failsInit(t, "LaunchError", many)
	if string(got.body) != extensionError("LaunchError", "id-1", "Extension limit (10) reached") {
		t.Errorf("got %s", got.body)
	}
	a.waitForLog("EXTENSION\tName: e10\tState: LaunchError\tEvents: []\tError Type: TooManyExtensions\n")
}

func TestAnExtensionThatNeverRegistersIsCutByTheInitsTime(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey", withExtensions(t, map[string]string{"e": "ext-silent"}))
	s := a.gateway.session()
	s.configure(map[string]any{"initTimeoutMs": 300})
	s.control(link.InitError)
	got, report := s.do("id-1", "echo x", map[string]any{"timeoutMs": 300})
	if string(got.body) != timedOut("id-1", "0.30") || report["status"] != "timeout" {
		t.Errorf("got %s %v", got.body, report)
	}
	a.waitForLog("Phase: init\tStatus: timeout\n")
}

func TestAnExtensionThatDoesNotComeBackIsATimeout(t *testing.T) {
	_, s := startExtended(t, "obey", map[string]string{"e": "ext-hang EVENTS=INVOKE"})
	s.control(link.InitDone)
	begin := time.Now()
	s.invoke("id-1", []byte("echo x"), map[string]any{"timeoutMs": 2000})
	if got := s.response(); string(got.body) != "x" || time.Since(begin) > 1950*time.Millisecond {
		t.Errorf("got %s after %v", got.body, time.Since(begin))
	}
	if report := s.control(link.Idle); report["status"] != "timeout" || report["durationMs"] != 2000.0 {
		t.Errorf("got %v", report)
	}
}
