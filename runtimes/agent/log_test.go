package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"kubelambda.io/agent/link"
)

func TestTheLogHasTheLinesOfLambda(t *testing.T) {
	a, s := startReady(t, "obey")
	_, first := s.do("id-1", "print one|two", nil)
	s.do("id-2", "print three|", nil)
	report := `REPORT RequestId: %s\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t` +
		`Memory Size: 128 MB\tMax Memory Used: \d+ MB\t`
	wanted := `^INIT_START Runtime Version: test:1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:test\n` +
		`START RequestId: id-1 Version: \$LATEST\none\ntwo\nEND RequestId: id-1\n` +
		fmt.Sprintf(report, "id-1") + `Init Duration: \d+\.\d\d ms\t\n` +
		`START RequestId: id-2 Version: \$LATEST\nthree\nEND RequestId: id-2\n` +
		fmt.Sprintf(report, "id-2") + `\n$`
	log := a.waitForLog("REPORT RequestId: id-2")
	if !regexp.MustCompile(wanted).MatchString(log) {
		t.Errorf("the log is\n%q", log)
	}
	billed := fmt.Sprintf("Billed Duration: %v ms\t", first["billedMs"])
	if !strings.Contains(log, billed) || first["billedMs"].(float64) < first["initMs"].(float64) {
		t.Errorf("billed %v in\n%s", first, log)
	}
}

func TestRecordsOfTheRuntimesLoggerAreLinesBetweenWhatIsPrinted(t *testing.T) {
	_, s := startReady(t, "obey", "KUBELAMBDA_LOG_FRAMES=true")
	_, report := s.do("id-1", "records one|two", map[string]any{"tail": true})
	wanted := "START RequestId: id-1 Version: $LATEST\none\nprinted \ntwo\nprinted \nEND RequestId: id-1\n"
	if tail := decodeTail(t, report); !strings.HasPrefix(tail, wanted) {
		t.Errorf("got %q", tail)
	}
	_, s = startReady(t, "obey")
	_, report = s.do("id-1", "records one", map[string]any{"tail": true})
	if tail := decodeTail(t, report); !strings.Contains(tail, "\nno descriptor\n") {
		t.Errorf("a runtime that does not know frames was told to write them: %q", tail)
	}
}

func TestRecordsInFramesAreLeftOutBelowTheApplicationLevelAsPrintedOnesAre(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey", "KUBELAMBDA_LOG_FRAMES=true")
	s := a.gateway.session()
	s.configure(map[string]any{"logFormat": "JSON", "environment": map[string]string{"AWS_LAMBDA_LOG_LEVEL": "WARN"}})
	s.control(link.InitDone)
	record := `{"level":"%s","timestamp":"2024-11-02T16:51:31Z"}`
	below, above := fmt.Sprintf(record, "INFO"), fmt.Sprintf(record, "WARNING")
	_, report := s.do("id-1", "records "+below+"|"+above, map[string]any{"tail": true})
	tail := decodeTail(t, report)
	if strings.Contains(tail, below) || !strings.Contains(tail, above+"\n") {
		t.Errorf("got %q", tail)
	}
}

func TestTheTailIsTheEndOfTheEventsLog(t *testing.T) {
	_, s := startReady(t, "obey")
	s.do("id-1", "print before|", nil)
	_, report := s.do("id-2", "print hello|", map[string]any{"tail": true})
	tail := decodeTail(t, report)
	if !strings.HasPrefix(tail, "START RequestId: id-2 Version: $LATEST\nhello\nEND RequestId: id-2\nREPORT ") ||
		!strings.HasSuffix(tail, "\t\n") {
		t.Errorf("got %q", tail)
	}
	_, report = s.do("id-3", "flood 2000", map[string]any{"tail": true})
	tail = decodeTail(t, report)
	if len(tail) != 4096 || !strings.Contains(tail, "line 0001999\nEND RequestId: id-3\nREPORT ") {
		t.Errorf("got %d bytes: %q", len(tail), tail)
	}
	if _, report = s.do("id-4", "print x", nil); report["tail"] != nil {
		t.Errorf("a tail that nobody asked for: %v", report)
	}
}

func decodeTail(t *testing.T, report map[string]any) string {
	t.Helper()
	text, _ := report["tail"].(string)
	tail, err := base64.StdEncoding.DecodeString(text)
	if err != nil || text == "" {
		t.Fatalf("no tail in %v", report)
	}
	return string(tail)
}

func TestAllOutputIsWrittenBeforeEND(t *testing.T) {
	a, s := startReady(t, "obey")
	for number := range 20 {
		s.do(fmt.Sprint("id-", number), "flood 5000", nil)
	}
	log := a.waitForLog("REPORT RequestId: id-19")
	for number := range 20 {
		id := fmt.Sprint("id-", number)
		start := strings.Index(log, "START RequestId: "+id+" ")
		end := strings.Index(log, "END RequestId: "+id+"\n")
		if lines := strings.Count(log[start:end], "\n"); lines != 5001 {
			t.Errorf("%s has %d lines", id, lines)
		}
	}
}

func TestABackgroundProcessThatHoldsThePipeDelaysNothing(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	s.do("id-1", "shell while [ ! -e $SCRATCH/idle ]; do sleep 0.01; done; echo from behind; sleep 60", nil)
	if err := os.WriteFile(a.scratch+"/idle", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.waitForLog("from behind\n")
}

func TestAHungReaderOfTheLogDoesNotHoldUpTimeouts(t *testing.T) {
	a := startBlockedLog(t)
	s := a.gateway.session()
	s.configure(nil)
	s.frame()
	s.invoke("id-1", []byte("flood 1000000"), map[string]any{"timeoutMs": 500})
	if got := s.response(); got.head["errorType"] != "Sandbox.Timedout" {
		t.Errorf("got %v", got.head)
	}
}

func TestASharedLogGroupHasTheFunctionsNameInTheStreams(t *testing.T) {
	name := `[0-9/]{11}%s\[\$LATEST\][0-9a-f]{32}`
	for group, wanted := range map[string]string{"": "", "/aws/lambda/hello": "", "team-a": "hello"} {
		a := startAgent(t, newGateway(t, testKey), "obey")
		s := a.gateway.session()
		s.configure(map[string]any{"logGroup": group})
		s.control(link.InitDone)
		got, _ := s.do("id-1", "env", nil)
		pattern := `(?m)^AWS_LAMBDA_LOG_STREAM_NAME=` + fmt.Sprintf(name, wanted) + `$`
		if !regexp.MustCompile(pattern).Match(got.body) {
			t.Errorf("group %q: no stream %s in\n%s", group, pattern, got.body)
		}
	}
}

func TestJSONFunctionsHaveJSONLines(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey")
	s := a.gateway.session()
	s.configure(map[string]any{"logFormat": "JSON"})
	s.control(link.InitDone)
	s.do("id-1", "print own line|", nil)
	s.do("id-2", "exit 1", nil)
	log := a.waitForLog(`"type":"platform.report","record":{"requestId":"id-2"`)
	var kinds []string
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		var object struct{ Type string }
		if json.Unmarshal([]byte(line), &object) != nil {
			object.Type = line
		}
		kinds = append(kinds, strings.TrimPrefix(object.Type, "platform."))
	}
	if got := strings.Join(kinds, " "); got != "initStart initReport start own line report start runtimeDone report" {
		t.Errorf("got %s in\n%s", got, log)
	}
}
