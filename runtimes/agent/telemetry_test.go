package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// telemetryEvent is one event as an extension received it.
type telemetryEvent struct {
	Time   string
	Type   string
	Record json.RawMessage
}

func (e telemetryEvent) fields(t *testing.T) map[string]any {
	t.Helper()
	fields := map[string]any{}
	if err := json.Unmarshal(e.Record, &fields); err != nil {
		t.Fatalf("%s: %v", e.Record, err)
	}
	return fields
}

// told is what an extension has noted so far.
type told struct {
	t    *testing.T
	path string
}

func (n told) events() []telemetryEvent {
	text, _ := os.ReadFile(n.path)
	var events []telemetryEvent
	for _, line := range strings.Split(string(text), "\n") {
		var event telemetryEvent
		if json.Unmarshal([]byte(line), &event) == nil {
			events = append(events, event)
		}
	}
	return events
}

func (n told) types() []string {
	var types []string
	for _, event := range n.events() {
		types = append(types, strings.TrimPrefix(event.Type, "platform."))
	}
	return types
}

// waitFor gives the latest event of a type, once it is there.
func (n told) waitFor(kind string) telemetryEvent {
	n.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		events := n.events()
		slices.Reverse(events)
		for _, event := range events {
			if event.Type == kind {
				return event
			}
		}
	}
	n.t.Fatalf("%s did not come: %s", kind, n.types())
	return telemetryEvent{}
}

// startTelling gives an environment, past its init, whose extension notes what it is told. Its runtime
// begins when the extension has subscribed: Lambda does both at once, so that a subscription may come
// before or after what the runtime prints.
func startTelling(t *testing.T, runtime, variables string, changes map[string]any) (*agent, *session, told) {
	t.Helper()
	notes := told{t, t.TempDir() + "/received"}
	scenario := "ext-telemetry EVENTS=SHUTDOWN RECEIVED=" + notes.path + " " + variables
	a := startAgent(t, newGateway(t, testKey), runtime, "KUBELAMBDA_IDLE_FREEZE_MS=-1",
		"AWAITED_FILE="+subscribedFile(notes.path), withExtensions(t, map[string]string{"e": scenario}))
	s := a.gateway.session()
	s.configure(changes)
	s.control(link.InitDone)
	return a, s, notes
}

func TestTelemetryTellsTheLifeOfAnEnvironment(t *testing.T) {
	a, s, notes := startTelling(t, "chatty", "SCHEMA=2022-12-13 EVENTS='INVOKE SHUTDOWN'", nil)
	s.do("id-1", "print one|two", nil)
	notes.waitFor("platform.report")
	var kinds []string
	for _, event := range notes.events() {
		if event.Type == "extension" {
			continue // its lines come when they come
		}
		kinds = append(kinds, strings.TrimPrefix(event.Type, "platform."))
		if event.Type == "function" {
			kinds[len(kinds)-1] = string(event.Record)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", event.Time); err != nil {
			t.Error(err)
		}
	}
	wanted := `initStart telemetrySubscription "printed in init" initRuntimeDone extension initReport ` +
		`start "one" "two" runtimeDone report`
	if got := strings.Join(kinds, " "); got != wanted {
		t.Errorf("got %s", got)
	}
	if !slices.Contains(notes.types(), "extension") {
		t.Error("the extension's own lines are missing")
	}
	a.waitForLog("e: subscribe 200 OK\n")
	a.waitForLog("TELEMETRY\tName: e\tState: Subscribed\tTypes: [Platform, Function, Extension]\n")
}

func TestTelemetryRecordsHaveTheirFields(t *testing.T) {
	_, s, notes := startTelling(t, "obey", "SCHEMA=2025-01-29 EVENTS=INVOKE", nil)
	s.do("id-1", "echo 12345", nil)
	report := notes.waitFor("platform.report")
	for kind, wanted := range map[string][]string{
		"platform.initStart": {`"initializationType":"on-demand"`, `"phase":"init"`, `"runtimeVersion":"test:1"`,
			`"runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:test"`, `"functionName":"hello"`,
			`"functionVersion":"$LATEST"`, `"instanceId":"`, `"instanceMaxMemory":134217728`},
		"platform.initRuntimeDone":       {`"initializationType":"on-demand"`, `"phase":"init"`, `"status":"success"`},
		"platform.initReport":            {`"initializationType":"on-demand"`, `"phase":"init"`, `"status":"success"`, `"metrics":{"durationMs":`},
		"platform.start":                 {`"requestId":"id-1"`, `"version":"$LATEST"`, `"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-`},
		"platform.extension":             {`"name":"e"`, `"state":"Ready"`, `"events":["INVOKE"]`},
		"platform.telemetrySubscription": {`"name":"e"`, `"state":"Subscribed"`, `"types":["platform","function","extension"]`},
		"platform.runtimeDone": {`"requestId":"id-1"`, `"status":"success"`, `"durationMs":`, `"producedBytes":5`,
			`"spans":[{"name":"responseLatency","start":"`, `{"name":"responseDuration",`, `{"name":"runtimeOverhead",`},
		"platform.report": {`"requestId":"id-1"`, `"status":"success"`, `"billedDurationMs":`, `"memorySizeMB":128`,
			`"maxMemoryUsedMB":`, `"initDurationMs":`, `"spans":[{"name":"extensionOverhead","start":"`},
	} {
		record := string(notes.waitFor(kind).Record)
		for _, part := range wanted {
			if !strings.Contains(record, part) {
				t.Errorf("%s is not in %s %s", part, kind, record)
			}
		}
	}
	if report.fields(t)["errorType"] != nil {
		t.Errorf("got %s", report.Record)
	}
}

func TestFunctionsThatLogInJSONSendObjects(t *testing.T) {
	for schema, wanted := range map[string]string{"2022-12-13": `{"a":1}`, "2022-07-01": `"{\"a\":1}"`} {
		_, s, notes := startTelling(t, "obey", "SCHEMA="+schema, map[string]any{"logFormat": "JSON"})
		s.do("id-1", `print {"a":1}|`, nil)
		if got := string(notes.waitFor("function").Record); got != wanted {
			t.Errorf("%s: got %s", schema, got)
		}
	}
}

func TestATimeoutIsToldBeforeTheExtensionIsEnded(t *testing.T) {
	_, s, notes := startTelling(t, "obey", "SCHEMA=2022-12-13", nil)
	s.invoke("id-1", []byte("hang"), map[string]any{"timeoutMs": 300})
	s.response()
	s.control(link.Idle)
	done, report := notes.waitFor("platform.runtimeDone").fields(t), notes.waitFor("platform.report").fields(t)
	if done["status"] != "timeout" || report["status"] != "timeout" || report["requestId"] != "id-1" {
		t.Errorf("got %v %v", done, report)
	}
}

func TestACrashIsToldWithItsErrorType(t *testing.T) {
	_, s, notes := startTelling(t, "obey", "SCHEMA=2022-12-13", nil)
	s.do("id-1", "exit 3", nil)
	done, report := notes.waitFor("platform.runtimeDone").fields(t), notes.waitFor("platform.report").fields(t)
	if done["status"] != "error" || done["errorType"] != "Runtime.ExitError" || report["errorType"] != "Runtime.ExitError" {
		t.Errorf("got %v %v", done, report)
	}
	wanted := `"RequestId: id-1 Error: Runtime exited with error: exit status 3\nRuntime.ExitError"`
	if got := string(notes.waitFor("platform.fault").Record); got != wanted {
		t.Errorf("got %s", got)
	}
}

func TestAnInitInsideAnEventIsToldAsSuch(t *testing.T) {
	_, s, notes := startTelling(t, "obey", "SCHEMA=2022-12-13 TYPES=platform", nil)
	s.do("id-1", "exit 3", nil)
	notes.waitFor("platform.report")
	before := len(notes.events())
	s.do("id-2", "echo x", nil)
	for end := time.Now().Add(20 * time.Second); len(notes.events()) < before+8 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	got := strings.Join(notes.types()[before:], " ")
	if got != "initStart telemetrySubscription initRuntimeDone extension initReport start runtimeDone report" {
		t.Errorf("got %s", got)
	}
	for _, event := range notes.events()[before:] {
		if strings.HasPrefix(event.Type, "platform.init") && event.fields(t)["phase"] != "invoke" {
			t.Errorf("got %s", event.Record)
		}
	}
}

func TestTheLogsAPITellsInItsOwnWords(t *testing.T) {
	for schema, wanted := range map[string]string{
		"2020-08-15": "logsSubscription initRuntimeDone extension initReport start end report",
		"2021-03-18": "logsSubscription initRuntimeDone extension initReport start runtimeDone end report",
	} {
		a, s, notes := startTelling(t, "obey", "TYPES=platform SCHEMA="+schema, nil)
		s.do("id-1", "echo x", nil)
		notes.waitFor("platform.report")
		if got := strings.Join(notes.types(), " "); got != wanted {
			t.Errorf("%s: got %s", schema, got)
		}
		a.waitForLog("LOGS\tName: e\tState: Subscribed\tTypes: [Platform]\n")
	}
}

func TestTelemetryGoesToTCPToo(t *testing.T) {
	_, s, notes := startTelling(t, "obey", "SCHEMA=2022-12-13 PROTOCOL=TCP TYPES=function", nil)
	s.do("id-1", "print one|", nil)
	if got := notes.waitFor("function"); string(got.Record) != `"one"` {
		t.Errorf("got %s", got.Record)
	}
}

func TestWhatIsHeldBackIsSentWhenTheEnvironmentEnds(t *testing.T) {
	a, s, notes := startTelling(t, "term", "SCHEMA=2022-12-13 TIMEOUT=30000 TYPES=function", nil)
	s.do("id-1", "print held|", nil)
	if len(notes.events()) != 0 {
		t.Fatalf("got %s", notes.types())
	}
	endSpundown(a, s)
	var lines []string
	for _, event := range notes.events() {
		lines = append(lines, string(event.Record))
	}
	if got := fmt.Sprint(lines); got != `["held" "runtime: got SIGTERM"]` {
		t.Errorf("got %s", got)
	}
}

func TestWrongSubscriptionsAreRefused(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"e": "ext-telemetry-wrong SCHEMA=2022-12-13"})
	s.control(link.InitDone)
	log := a.waitForLog("already subscribed")
	for _, wanted := range []string{
		`e: subscribe 400 {"errorMessage":"types should not be empty; destination protocol should be HTTP or TCP","errorType":"ValidationError"}`,
		`e: subscribe 400 {"errorMessage":"types should not be empty; destination protocol should be HTTP or TCP","errorType":"Logs.ValidationError"}`,
		`e: subscribe 403 {"errorMessage":"Unknown extension 00000000-0000-4000-8000-000000000000","errorType":"Extension.UnknownExtensionIdentifier"}`,
		`e: subscribe 403 {"errorMessage":"Invalid Lambda-Extension-Identifier","errorType":"Extension.InvalidExtensionIdentifier"}`,
		`e: subscribe 200 OK`,
		`e: subscribe 400 {"errorMessage":"the extension has already subscribed with the other API","errorType":"Logs.ValidationError"}`,
	} {
		if !strings.Contains(log, wanted+"\n") {
			t.Errorf("%s is not in\n%s", wanted, log)
		}
	}
}

func TestSubscriptionClosesWhenInitIsOver(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"e": "ext-telemetry-late EVENTS=INVOKE SCHEMA=2022-12-13"})
	s.control(link.InitDone)
	s.do("id-1", "echo x", nil)
	a.waitForLog(`e: subscribe 403 {"errorMessage":"Telemetry API subscription is closed already","errorType":"Telemetry.SubscriptionClosed"}` + "\n")
	a.waitForLog(`e: subscribe 403 {"errorMessage":"Logs API subscription is closed already","errorType":"Logs.SubscriptionClosed"}` + "\n")
}

func TestTelemetryLinesOfAJSONLogAreTheSameRecords(t *testing.T) {
	a, s, notes := startTelling(t, "obey", "SCHEMA=2022-12-13 TYPES=platform", map[string]any{"logFormat": "JSON"})
	s.do("id-1", "echo x", nil)
	record := string(notes.waitFor("platform.report").Record)
	log := a.waitForLog(`"type":"platform.report","record":` + record + "}\n")
	for _, kind := range []string{"initStart", "telemetrySubscription", "extension", "initReport", "start"} {
		if !strings.Contains(log, `"type":"platform.`+kind+`","record":`+string(notes.waitFor("platform."+kind).Record)+"}\n") {
			t.Errorf("%s differs in the log\n%s", kind, log)
		}
	}
}
