package logs

import (
	"bytes"
	"encoding/json"
	"time"
)

// jsonFormat is spec/lambda.md, section 2.8, at the system's default level: what is of level DEBUG
// (the end of a runtime that went well) is left out.
//
// LIMIT: systemLogLevel is not part of configure yet.
type jsonFormat struct{ version string }

type envelope struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

func (jsonFormat) InitStart(now time.Time, start InitStart) string {
	return lines(now, start.Record())
}

func (jsonFormat) InitReport(now time.Time, report InitReport) string {
	return lines(now, report.RuntimeDone(), report.Record())
}

func (jsonFormat) Extension(now time.Time, extension Extension) string {
	return lines(now, extension.Record())
}

func (jsonFormat) Subscription(now time.Time, subscription Subscription) string {
	return lines(now, subscription.Record())
}

func (j jsonFormat) Start(now time.Time, requestID, traceID string) string {
	return lines(now, StartRecord(requestID, j.version, traceID))
}

func (jsonFormat) TimedOut(time.Time, string, int64) string { return "" }

func (jsonFormat) Crashed(string, string, string) string { return "" }

func (jsonFormat) End(now time.Time, report Report) string {
	return lines(now, report.RuntimeDone(), report.Record())
}

func lines(now time.Time, records ...Record) string {
	text := ""
	for _, record := range records {
		if !record.debug {
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
