package link

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
)

// texts are strings that JSON writes in different ways.
var texts = []string{
	"", "hello", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
	"a<b>&c", `quo"te`, `back\slash`, "tab\t", "new\nline", "null\x00", "del\x7f", "ä", "\u2028", "\xff", "😀",
}

func anyText(random *rand.Rand) string { return texts[random.IntN(len(texts))] }

func TestPlainFramesHaveTheBytesOfEncodingJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	numbers := []float64{0, 3.01, 4, 0.1, 1e-7, 123456789.25, 1e21, 1e20, 0.000001, 100.005, -3.5}
	for range 3000 {
		head := ResponseHead{
			anyText(random), random.IntN(2) == 0, anyText(random), anyText(random), anyText(random),
		}
		compare(t, string(appendResponseHead(nil, head)), head)
		end := responseEndMessage{RequestID: anyText(random)}
		compare(t, string(appendResponseEnd(nil, end.RequestID)), end)
		report := IdleReport{
			RequestID: anyText(random), Status: anyText(random), ErrorType: anyText(random),
			DurationMs: numbers[random.IntN(len(numbers))], BilledMs: random.Int64N(1e6), MaxMemoryMB: random.Int64N(1e4),
		}
		if random.IntN(2) == 0 {
			report.InitMs = &numbers[random.IntN(len(numbers))]
		}
		compare(t, string(appendIdle(nil, report)), report)
	}
}

func compare(t *testing.T, got string, message any) {
	t.Helper()
	if wanted, _ := json.Marshal(message); got != string(wanted) {
		t.Errorf("%s in place of %s", got, wanted)
	}
}

// Whatever a gateway sends is read, or refused, as encoding/json and DecodeControl do.
func TestPlainHeadsAreReadAsByEncodingJSON(t *testing.T) {
	for _, payload := range []string{
		`{}`, `{ }`, ` {}`, ``, `{`, `[]`, `null`, `{"requestId":"a"}`, `{"requestId": "a"}`, `{"requestId":"a",}`,
		`{"requestId":"a"} `, `{"requestId":"a"}x`, `{"requestId":"a"}{}`, `{"requestID":"a"}`, `{"requestId":null}`,
		`{"requestId":1}`, `{"requestId":"\u0041"}`, `{"requestId":"é"}`, "{\"requestId\":\"\xff\"}",
		"{\"requestId\":\"\x01\"}", "{\"requestId\":\"\x7f\"}", "{\"requestId\":\n\"a\"}", `{"requestId":"a","requestId":"b"}`,
		`{"timeoutMs":3000}`, `{"timeoutMs":-1}`, `{"timeoutMs":03}`, `{"timeoutMs":0}`, `{"timeoutMs":1.5}`, `{"timeoutMs":1e3}`,
		`{"timeoutMs":999999999999999999}`, `{"timeoutMs":9999999999999999999}`, `{"timeoutMs":"3"}`, `{"timeoutMs": 7 }`,
		`{"timeoutMs":}`, `{"timeoutMs"}`, `{"tail":true}`, `{"tail":false,"stream":true}`, `{"tail":truex}`, `{"tail": true }`,
		`{"tail":1}`, `{"tail":null}`, `{"later":{"a":[1]},"requestId":"a"}`, `{"requestId":"a"`, `{"requestId":"a`,
		`{"contentLength":17,"clientContext":"{\"a\":1}"}`, `{"contentLength":17 "tail":true}`, `{,}`, `{"":1}`,
		`{"requestId":"8e0a9d4c","timeoutMs":3000,"invokedArn":"arn:aws:lambda","traceId":"Root=1","clientContext":"",` +
			`"cognitoIdentity":"","tail":false,"stream":false,"contentLength":17}`,
	} {
		var got, wanted EventHead
		gotErr, wantedErr := decodeEventHead([]byte(payload), &got), DecodeControl([]byte(payload), &wanted)
		if (gotErr == nil) != (wantedErr == nil) || (gotErr == nil && !reflect.DeepEqual(got, wanted)) {
			t.Errorf("%q: %+v, %v in place of %+v, %v", payload, got, gotErr, wanted, wantedErr)
		}
	}
}

func TestWhatOurOwnGatewaySendsIsPlain(t *testing.T) {
	var head EventHead
	if !readPlainHead([]byte(`{"requestId":"a","timeoutMs":3000,"invokedArn":"arn","traceId":"Root=1;<&>",`+
		`"clientContext":"","cognitoIdentity":"","tail":false,"stream":false,"contentLength":17}`), &head) {
		t.Error("left to encoding/json")
	}
	if head.TraceID != "Root=1;<&>" || head.ContentLength != 17 || head.TimeoutMs != 3000 {
		t.Errorf("got %+v", head)
	}
}

func FuzzPlainHeads(f *testing.F) {
	f.Add([]byte(`{"requestId":"a","timeoutMs":3000,"tail":true}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var got, wanted EventHead
		if !readPlainHead(payload, &got) {
			return
		}
		if err := DecodeControl(payload, &wanted); err != nil || got != wanted {
			t.Errorf("%q: %+v in place of %+v, %v", payload, got, wanted, err)
		}
	})
}
