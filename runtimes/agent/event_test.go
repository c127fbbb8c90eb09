package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

func TestAnEventIsAnsweredAndReported(t *testing.T) {
	a, s := startReady(t, "obey")
	for number := range 3 {
		id := fmt.Sprintf("request-%d", number)
		got, report := s.do(id, `"echo {}"`, nil)
		if string(got.body) != "{}" || got.head["functionError"] != false || got.head["mode"] != "buffered" {
			t.Fatalf("got %v %s", got.head, got.body)
		}
		if report["requestId"] != id || report["status"] != "success" {
			t.Fatalf("got %v", report)
		}
		if _, first := report["initMs"]; first != (number == 0) {
			t.Fatalf("initMs belongs to the first event only: %v", report)
		}
	}
	a.waitForLog("REPORT RequestId: request-2")
}

func TestTheEventReachesTheRuntimeWithItsHeaders(t *testing.T) {
	_, s := startReady(t, "obey")
	before := time.Now()
	got, _ := s.do("id-1", `headers`, map[string]any{
		"clientContext": "{\"a\":\n1}", "cognitoIdentity": `{"cognitoIdentityId":"x"}`,
	})
	text := string(got.body)
	for _, wanted := range []string{
		"Content-Type: application/json\r\n",
		"Lambda-Runtime-Aws-Request-Id: id-1\r\n",
		"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:hello\r\n",
		"Lambda-Runtime-Trace-Id: Root=1-",
		"Lambda-Runtime-Client-Context: {\"a\": 1}\r\n",
		"Lambda-Runtime-Cognito-Identity: {\"cognitoIdentityId\":\"x\"}\r\n",
	} {
		if !strings.Contains(text, wanted) {
			t.Errorf("%q is not in\n%s", wanted, text)
		}
	}
	deadline := regexp.MustCompile(`Deadline-Ms: (\d{13})\r\n`).FindStringSubmatch(text)
	if deadline == nil {
		t.Fatalf("no deadline in\n%s", text)
	}
	if wanted := before.Add(3 * time.Second).UnixMilli(); deadline[1] < fmt.Sprint(wanted) {
		t.Errorf("deadline %s is before %d", deadline[1], wanted)
	}
}

func TestEmptyHeadersAreLeftOut(t *testing.T) {
	_, s := startReady(t, "obey")
	got, _ := s.do("id-1", `headers`, nil)
	if text := string(got.body); strings.Contains(text, "Client-Context") || strings.Contains(text, "Cognito") {
		t.Errorf("got\n%s", text)
	}
}

func TestTheEnvironmentOfTheRuntimeHidesTheAgents(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey",
		"KUBELAMBDA_VALUE_SECRET=from-secret", "KUBERNETES_SERVICE_HOST=10.0.0.1",
		"KUBERNETES_PORT=tcp://10.0.0.1:443", "OTHER_SERVICE_HOST=10.0.0.2",
		"OTHER_SERVICE_PORT=80", "OTHER_PORT_80_TCP=tcp://10.0.0.2:80", "IMAGE_OWN=1", "LANG=C")
	s := a.gateway.session()
	s.configure(map[string]any{"environment": map[string]string{"LANG": "en_US.UTF-8", "USER_SET": "é"}})
	s.control(link.InitDone)
	got, _ := s.do("id-1", `env`, nil)
	text := "\n" + string(got.body) + "\n"
	for _, wanted := range []string{
		"\nSECRET=from-secret\n", "\nIMAGE_OWN=1\n", "\nLANG=en_US.UTF-8\n", "\nUSER_SET=é\n",
		"\nLAMBDA_TASK_ROOT=" + a.root + "\n", "\ncwd=" + a.root + "\n", "\nAWS_LAMBDA_RUNTIME_API=127.0.0.1:",
	} {
		if !strings.Contains(text, wanted) {
			t.Errorf("%q is not in%s", wanted, text)
		}
	}
	for _, hidden := range []string{"KUBELAMBDA_", "KUBERNETES_", "OTHER_"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%s can be seen", hidden)
		}
	}
	stream := `\nAWS_LAMBDA_LOG_STREAM_NAME=\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}\n`
	if !regexp.MustCompile(stream).MatchString(text) {
		t.Errorf("no log stream name in%s", text)
	}
}

func TestThePostedErrorReachesTheCallerByteForByte(t *testing.T) {
	_, s := startReady(t, "obey")
	got, report := s.do("id-1", `error {"errorType": "X",  "odd": [1]}`, nil)
	if string(got.body) != `{"errorType": "X",  "odd": [1]}` {
		t.Errorf("got %s", got.body)
	}
	if got.head["functionError"] != true || got.head["errorType"] != "Runtime.Tested" || report["status"] != "error" {
		t.Errorf("got %v %v", got.head, report)
	}
	if got, _ := s.do("id-2", "echo alive", nil); string(got.body) != "alive" {
		t.Errorf("the runtime was not kept: %s", got.body)
	}
}

func TestErrorTypesAreKeptWithinBounds(t *testing.T) {
	_, s := startReady(t, "obey")
	for number, row := range [][2]string{
		{"Runtime.Good", "Runtime.Good"}, {"Function.Good", "Function.Good"},
		{"Function.bad", "Function.Unknown"}, {"Runtime.b4d", "Runtime.Unknown"},
		{"unhandled", "Runtime.Unknown"}, {"XRuntime.Good", "Runtime.Unknown"},
	} {
		got, _ := s.do(fmt.Sprint("id-", number), "error-type "+row[0], nil)
		if got.head["errorType"] != row[1] {
			t.Errorf("%s became %v", row[0], got.head["errorType"])
		}
	}
}

func TestAOneMebibyteHeaderIsTaken(t *testing.T) {
	a, s := startReady(t, "obey")
	got, _ := s.do("id-1", "long-header 1048576", nil)
	if string(got.body) != `{"posted":true}` {
		t.Errorf("got %s", got.body)
	}
	a.waitForLog("status 202\n")
}

func TestAResponseMayHaveSixMebibytesAndAHundredBytes(t *testing.T) {
	a, s := startReady(t, "obey")
	got, _ := s.do("id-1", "size 6291556", nil)
	if got.head["functionError"] != false || len(got.body) != 6_291_556 {
		t.Errorf("got %v and %d bytes", got.head, len(got.body))
	}
	a.waitForLog("status 202 {\"status\":\"OK\"}\n")
}

func TestOneByteMoreIsAFunctionError(t *testing.T) {
	a, s := startReady(t, "obey")
	got, report := s.do("id-1", "size 6291557", nil)
	wanted := `{"errorMessage":"Response payload size exceeded maximum allowed payload size ` +
		`(6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`
	if string(got.body) != wanted || got.head["functionError"] != true {
		t.Errorf("got %v %s", got.head, got.body)
	}
	if report["errorType"] != "Function.ResponseSizeTooLarge" {
		t.Errorf("got %v", report)
	}
	a.waitForLog(`status 413 {"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).",` +
		`"errorType":"RequestEntityTooLarge"}` + "\n")
	if got, _ := s.do("id-2", "echo alive", nil); string(got.body) != "alive" {
		t.Errorf("the runtime was not kept: %s", got.body)
	}
}

func TestALargeEventArrivesWhole(t *testing.T) {
	_, s := startReady(t, "obey")
	event := append([]byte("echo "), bytes.Repeat([]byte("0123456789abcdef"), 6*65_536)...)
	got, _ := s.do("id-1", string(event), map[string]any{"timeoutMs": 30_000}) // 3 s are few with the race detector
	if !bytes.Equal(got.body, event[len("echo "):]) {
		t.Errorf("%d bytes came back of %d", len(got.body), len(event))
	}
}

func TestAChunkedResponseWithDeclaredTrailersIsWhole(t *testing.T) {
	a, s := startReady(t, "obey")
	got, _ := s.do("id-1", "chunked one two three", nil)
	if string(got.body) != "onetwothree" || got.head["contentType"] != "application/octet-stream" {
		t.Errorf("got %v %s", got.head, got.body)
	}
	a.waitForLog("status 202")
}

func TestAnErrorInTheTrailersReplacesABufferedStream(t *testing.T) {
	_, s := startReady(t, "obey")
	got, _ := s.do("id-1", `trailers {"errorType":"Broken"}`, nil)
	if string(got.body) != `{"errorType":"Broken"}` || got.head["errorType"] != "Function.Broken" {
		t.Errorf("got %v %s", got.head, got.body)
	}
}

func TestAResponseIsRelayedWhileItIsMadeWhereTheCallerTakesAStream(t *testing.T) {
	_, s := startReady(t, "obey")
	for _, act := range []string{"stream", "stream-modeless"} {
		s.invoke(act, []byte(act+" a b c"), map[string]any{"stream": true})
		if head := s.control(link.Response); head["mode"] != "streaming" {
			t.Fatalf("%s: got %v", act, head)
		}
		for _, wanted := range []string{"a", "b", "c"} {
			if frame, _ := s.frame(); frame.Type != link.ResponseBody || string(frame.Payload) != wanted {
				t.Fatalf("%s: got 0x%02x %s", act, uint8(frame.Type), frame.Payload)
			}
		}
		s.control(link.ResponseEnd)
		s.control(link.Idle)
	}
}

func TestAStreamIsBufferedForACallerWhoWantsItWhole(t *testing.T) {
	_, s := startReady(t, "obey")
	got, _ := s.do("id-1", "stream a b c", nil)
	if string(got.body) != "abc" || got.head["mode"] != "buffered" {
		t.Errorf("got %v %s", got.head, got.body)
	}
}

func TestATruncatedResponseIsAFunctionError(t *testing.T) {
	_, s := startReady(t, "obey")
	got, _ := s.do("id-1", "truncate", nil)
	if got.head["errorType"] != "Runtime.TruncatedResponse" || got.head["functionError"] != true {
		t.Errorf("got %v %s", got.head, got.body)
	}
}

func TestAnUnknownResponseModeIsRefused(t *testing.T) {
	a, s := startReady(t, "obey")
	got, _ := s.do("id-1", "mode buffered", nil)
	if got.head["errorType"] != "Runtime.InvalidResponseModeHeader" {
		t.Errorf("got %v %s", got.head, got.body)
	}
	a.waitForLog(`status 400 {"errorMessage":`)
}

func TestASecondAnswerIsForbidden(t *testing.T) {
	a, s := startReady(t, "obey")
	got, _ := s.do("id-1", "twice", nil)
	if string(got.body) != `"first"` {
		t.Errorf("got %s", got.body)
	}
	refusal := `403 {"errorMessage":"State transition from RuntimeResponseSentState to %s failed for ` +
		`runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}` + "\n"
	a.waitForLog("response " + fmt.Sprintf(refusal, "InvocationResponse"))
	a.waitForLog("error " + fmt.Sprintf(refusal, "InvocationErrorResponse"))
	a.waitForLog("init/error " + fmt.Sprintf(refusal, "InitError"))
	if got, _ := s.do("id-2", "echo alive", nil); string(got.body) != "alive" {
		t.Errorf("the loop ended: %s", got.body)
	}
}

func TestAnUnknownIDOrPathIsRefused(t *testing.T) {
	a, s := startReady(t, "obey")
	s.do("id-1", "wrong-id", nil)
	refusal := `400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}` + "\n"
	a.waitForLog("response " + refusal)
	a.waitForLog("error " + refusal)
	a.waitForLog("ping 200 pong")
	a.waitForLog("elsewhere 404")
	a.waitForLog("delete 405")
}

func TestNextWhileRunningGivesTheSameEventAgain(t *testing.T) {
	_, s := startReady(t, "obey")
	got, _ := s.do("id-1", "next-again", nil)
	if string(got.body) != "next-again" {
		t.Errorf("got %s", got.body)
	}
}

func TestACallOfNextWaitsForTheAnswerThatIsUnderWay(t *testing.T) {
	_, s := startReady(t, "obey")
	for _, order := range []string{"next-before-answer", "next-amid-answer"} {
		if got, _ := s.do(order, order, nil); string(got.body) != "answered" {
			t.Errorf("%s: got %s", order, got.body)
		}
		if got, _ := s.do(order+"-2", "another event", nil); string(got.body) != "another event" {
			t.Errorf("%s: the event was given twice: %s", order, got.body)
		}
	}
}

func TestAnotherCallOfNextTakesNoEventFromTheRuntime(t *testing.T) {
	_, s := startReady(t, "obey")
	s.do("id-0", "abandoned-next", nil) // it comes before the runtime's own
	process, _ := s.do("id-1", "pid", nil)
	environment, _ := s.do("id-2", "env", nil)
	address := regexp.MustCompile(`AWS_LAMBDA_RUNTIME_API=(.+)`).FindSubmatch(environment.body)[1]
	conn, err := net.Dial("tcp", string(address)) // the process itself may be frozen
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// After it, while the runtime waits.
	if _, err := io.WriteString(conn, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	for _, id := range []string{"id-3", "id-4"} {
		if got, _ := s.do(id, "pid", nil); !bytes.Equal(got.body, process.body) {
			t.Errorf("process %s has taken the place of %s", got.body, process.body)
		}
	}
}

func TestASecondInvokeBeforeIdleIsAProtocolError(t *testing.T) {
	_, s := startReady(t, "obey")
	s.invoke("id-1", []byte("sleep 300ms"), nil)
	s.invoke("id-2", []byte("echo 2"), nil)
	s.closed()
}
