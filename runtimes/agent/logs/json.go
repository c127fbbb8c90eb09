package logs

import (
	"bytes"
	"encoding/json"
	"time"
)

// jsonFormat is spec/lambda.md, section 2.8; what is below its level is left out.
type jsonFormat struct {
	version string
	level   Level
}

type envelope struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

func (j jsonFormat) InitStart(now time.Time, start InitStart) string {
	return j.lines(now, start.Record())
}

func (j jsonFormat) InitReport(now time.Time, report InitReport) string {
	return j.lines(now, report.RuntimeDone(), report.Record())
}

func (j jsonFormat) Extension(now time.Time, extension Extension) string {
	return j.lines(now, extension.Record())
}

func (j jsonFormat) Subscription(now time.Time, subscription Subscription) string {
	return j.lines(now, subscription.Record())
}

func (j jsonFormat) Start(now time.Time, requestID, traceID string) string {
	return j.lines(now, StartRecord(requestID, j.version, traceID))
}

func (jsonFormat) TimedOut(time.Time, string, int64) string { return "" }

func (jsonFormat) Crashed(string, string, string) string { return "" }

func (j jsonFormat) End(now time.Time, report Report) string {
	return j.lines(now, report.RuntimeDone(), report.Record())
}

func (j jsonFormat) lines(now time.Time, records ...Record) string {
	text := ""
	for _, record := range records {
		if record.level >= j.level {
			text += string(EncodeRecord(now, record.Type, record.Body)) + "\n"
		}
	}
	return text
}

// EncodeRecord gives one event in JSON, without a line's end; body must be one that encodes.
func EncodeRecord(moment time.Time, kind string, body any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(envelope{Stamp(moment), kind, body})
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
