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

// withExtensions gives the setting that names a directory of layers with these extensions: name to
// scenario and its variables.
func withExtensions(t testing.TB, scenarios map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(root+"/extensions", 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, scenario := range scenarios {
		scenario, variables, _ := strings.Cut(scenario, " ")
		script := fmt.Sprintf("#!/bin/sh\nexport EXTENSION_NAME='%s' TEST_RUNTIME=%s GORACE='%s' %s\nexec %s\n",
			name, scenario, os.Getenv("GORACE"), variables, program)
		if err := os.WriteFile(root+"/extensions/"+name, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return "KUBELAMBDA_OPT_ROOT=" + root
}

// startExtended gives an agent with these extensions that has been configured.
func startExtended(
	t testing.TB, runtime string, scenarios map[string]string, variables ...string,
) (*agent, *session) {
	t.Helper()
	variables = append(variables, withExtensions(t, scenarios))
	a := startAgent(t, newGateway(t, testKey), runtime, variables...)
	s := a.gateway.session()
	s.configure(nil)
	return a, s
}

const invokeAndShutdown = "EVENTS='INVOKE SHUTDOWN'"

func TestExtensionsStartAndRegisterBeforeTheRuntime(t *testing.T) {
	gate := t.TempDir() + "/gate"
	a, s := startExtended(t, "chatty", map[string]string{"one": "ext-loop", "two": "ext-gated GATE=" + gate})
	a.waitForLog("waits at its gate\n")
	a.waitForLog("one: register 200")
	time.Sleep(100 * time.Millisecond)
	if strings.Contains(a.log(), "printed in init") {
		t.Error("the runtime was started before the extension had registered")
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.control(link.InitDone)
	a.waitForLog("printed in init\n")
}

func TestALayersBootstrapIsRunWhereTheCodeHasNone(t *testing.T) {
	setting := withExtensions(t, nil)
	path := strings.TrimPrefix(setting, "KUBELAMBDA_OPT_ROOT=") + "/bootstrap"
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho of the layer\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, newGateway(t, testKey), "", setting, "KUBELAMBDA_BOOTSTRAP=[]")
	s := a.gateway.session()
	s.configure(nil)
	s.control(link.InitError)
	a.waitForLog("of the layer\n")
}

func TestExtensionsRunInTheRootWithTheReducedEnvironment(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey", withExtensions(t, map[string]string{"e": "ext-env"}),
		"KUBELAMBDA_VALUE_SECRET=s", "LAMBDA_RUNTIME_DIR=/var/runtime", "PYTHONPATH=/var/runtime", "TZ=:UTC")
	s := a.gateway.session()
	s.configure(map[string]any{"environment": map[string]string{
		"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "k", "AWS_SESSION_TOKEN": "k", "AWS_REGION": "r",
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LANG": "en", "LD_LIBRARY_PATH": "/opt/lib", "USER_SET": "u",
		"_HANDLER": "h", "AWS_EXECUTION_ENV": "x", "AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_XRAY_CONTEXT_MISSING": "x",
		"AWS_XRAY_DAEMON_ADDRESS": "x", "_AWS_XRAY_DAEMON_PORT": "2000",
	}})
	s.control(link.InitDone)
	log := a.waitForLog("e: cwd=/\n")
	for _, wanted := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_INITIALIZATION_TYPE",
		"AWS_LAMBDA_RUNTIME_API", "PATH", "LD_LIBRARY_PATH", "LANG", "TZ", "USER_SET", "SECRET",
	} {
		if !strings.Contains(log, "e: env "+wanted+"=") {
			t.Errorf("%s is missing", wanted)
		}
	}
	for _, hidden := range []string{
		"_HANDLER", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING",
		"AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "PYTHONPATH",
	} {
		if strings.Contains(log, "e: env "+hidden+"=") {
			t.Errorf("%s can be seen", hidden)
		}
	}
}

func TestRegistrationTellsOfTheFunction(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{
		"plain":   "ext-loop",
		"account": `ext-loop EXTENSION_HEADERS="$(printf 'Lambda-Extension-Accept-Feature: x, accountId\r\n')"` + "\nEXTENSION_HEADERS=\"$EXTENSION_HEADERS\n\"; export EXTENSION_HEADERS",
	})
	s.control(link.InitDone)
	a.waitForLog(`plain: register 200 {"functionName":"hello","functionVersion":"$LATEST","handler":"app.handler"}` + "\n")
	a.waitForLog(`account: register 200 {"functionName":"hello","functionVersion":"$LATEST","handler":"app.handler",` +
		`"accountId":"123456789012"}` + "\n")
}

func TestInitIsOverWhenRuntimeAndExtensionsHaveCalledNext(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"slow": "ext-slow-init " + invokeAndShutdown})
	done := s.control(link.InitDone)
	if !strings.Contains(a.waitForLog("EXTENSION\t"), "slow: init over\n") || done["initMs"].(float64) < 300 {
		t.Errorf("init was over after %v ms", done["initMs"])
	}
	a.waitForLog("EXTENSION\tName: slow\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n")
}

func TestSubscribersAreToldOfTheEventWithoutItsPayload(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"one": "ext-loop EVENTS=INVOKE", "quiet": "ext-loop EVENTS=SHUTDOWN"})
	s.control(link.InitDone)
	before := time.Now()
	s.do("id-1", `"echo secret"`, map[string]any{"invokedArn": "arn:aws:lambda:us-east-1:123456789012:function:hello:live"})
	log := a.waitForLog("one: got")
	wanted := regexp.MustCompile(`one: got \{"eventType":"INVOKE","deadlineMs":(\d{13}),"requestId":"id-1",` +
		`"invokedFunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:hello:live",` +
		`"tracing":\{"type":"X-Amzn-Trace-Id","value":"Root=1-[^"]+"\}\}`)
	found := wanted.FindStringSubmatch(log)
	if found == nil || found[1] < fmt.Sprint(before.Add(3*time.Second).UnixMilli()) {
		t.Errorf("the log is\n%s", log)
	}
	if strings.Contains(log, "quiet: got") || strings.Contains(log, "no event identifier") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestTheCallerIsAnsweredBeforeExtensionsAreDone(t *testing.T) {
	answered := t.TempDir() + "/answered"
	a, s := startExtended(t, "obey", map[string]string{"slow": "ext-work-until EVENTS=INVOKE UNTIL=" + answered})
	s.control(link.InitDone)
	s.invoke("id-1", []byte("echo x"), map[string]any{"timeoutMs": 30_000})
	s.response()
	time.Sleep(400 * time.Millisecond)
	if err := os.WriteFile(answered, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	report := s.control(link.Idle)
	if report["status"] != "success" || report["durationMs"].(float64) < 400 || report["billedMs"].(float64) < 400 {
		t.Errorf("what the extension took is not billed: %v", report)
	}
	a.waitForLog("REPORT RequestId: id-1")
	if _, report = s.do("id-2", "echo x", nil); report["status"] != "success" {
		t.Errorf("got %v", report)
	}
}

func TestAnExtensionThatIsNotSubscribedDelaysNothing(t *testing.T) {
	_, s := startExtended(t, "obey", map[string]string{"quiet": "ext-hang EVENTS=SHUTDOWN"})
	s.control(link.InitDone)
	if _, report := s.do("id-1", "echo x", nil); report["status"] != "success" {
		t.Errorf("got %v", report)
	}
}

func TestUnknownNamesRegisterAsInternalExtensions(t *testing.T) {
	a, s := startExtended(t, "internal", nil)
	s.control(link.InitDone)
	s.do("id-1", "echo x", nil)
	a.waitForLog(`inner: got {"eventType":"INVOKE",`)
	a.waitForLog("EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]\n")
	b, s := startExtended(t, "internal-refused", nil)
	s.control(link.InitDone)
	b.waitForLog(`inner: 403 {"errorMessage":"SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",` +
		`"errorType":"Extension.InvalidEventType"}`)
}

func TestRegistrationClosesAtTheRuntimesFirstNext(t *testing.T) {
	a, s := startExtended(t, "late-registration", nil, "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	s.control(link.InitDone)
	a.waitForLog(`late: 403 {"errorMessage":"Extension registration closed already",` +
		`"errorType":"Extension.RegistrationClosed"}`)
}

func TestWrongCallsAreRefusedWithTheirTypes(t *testing.T) {
	a, s := startExtended(t, "obey", map[string]string{"x": "ext-wrong-calls"}, "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	s.control(link.InitDone)
	log := a.waitForLog("x: done")
	for _, row := range [][3]string{
		{"nameless 403", "Extension.InvalidExtensionName", "Empty extension name"},
		{"no-json 403", "InvalidRequestFormat", "unexpected end of JSON input"},
		{"keys 403", "InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead"},
		{"event-type 403", "Extension.InvalidEventType", "START: ErrorInvalidEventType"},
		{"missing-id 403", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"},
		{"invalid-id 403", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"},
		{"unknown-id 403", "Extension.UnknownExtensionIdentifier", "Unknown extension 00000000-0000-4000-8000-000000000000"},
		{"unknown-init 403", "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier"},
		{"again 403", "Extension.InvalidExtensionState", transition("Registered", "Registered", "x")},
		{"no-header 403", "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"},
		{"next-twice 403", "Extension.InvalidExtensionState", transition("Ready", "Ready", "ID")},
		{"late-init 403", "Extension.InvalidExtensionState", transition("Ready", "InitError", "ID")},
	} {
		wanted := fmt.Sprintf(`x: %s {"errorMessage":"%s","errorType":"%s"}`, row[0], row[2], row[1])
		if !strings.Contains(log, wanted+"\n") {
			t.Errorf("%s is not in\n%s", wanted, log)
		}
	}
	if !strings.Contains(log, "x: method 405") || !strings.Contains(log, "x: elsewhere 404") {
		t.Errorf("the log is\n%s", log)
	}
}

func transition(from, to, who string) string {
	return fmt.Sprintf("State transition from %s to %s failed for extension %s. Error: "+
		"State transition is not allowed", from, to, who)
}
