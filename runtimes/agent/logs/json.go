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

type telemetry struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

type tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type startRecord struct {
	RequestID string   `json:"requestId"`
	Version   string   `json:"version"`
	Tracing   *tracing `json:"tracing,omitempty"`
}

type initRecord struct {
	InitializationType string       `json:"initializationType"`
	Phase              string       `json:"phase"`
	Status             string       `json:"status"`
	ErrorType          string       `json:"errorType,omitempty"`
	Metrics            *initMetrics `json:"metrics,omitempty"`
}

type initMetrics struct {
	DurationMs float64 `json:"durationMs"`
}

type doneRecord struct {
	RequestID string      `json:"requestId"`
	Status    string      `json:"status"`
	ErrorType string      `json:"errorType,omitempty"`
	Metrics   initMetrics `json:"metrics"`
	Tracing   *tracing    `json:"tracing,omitempty"`
}

type reportRecord struct {
	RequestID string        `json:"requestId"`
	Metrics   reportMetrics `json:"metrics"`
	Tracing   *tracing      `json:"tracing,omitempty"`
	Status    string        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
}

type reportMetrics struct {
	DurationMs       float64  `json:"durationMs"`
	BilledDurationMs int64    `json:"billedDurationMs"`
	MemorySizeMB     int      `json:"memorySizeMB"`
	MaxMemoryUsedMB  int64    `json:"maxMemoryUsedMB"`
	InitDurationMs   *float64 `json:"initDurationMs,omitempty"`
}

func (jsonFormat) InitStart(now time.Time, start InitStart) string {
	return line(now, "platform.initStart", start)
}

func (jsonFormat) InitReport(now time.Time, report InitReport) string {
	record := initRecord{
		report.InitializationType, report.Phase, report.Status, report.ErrorType, nil,
	}
	done := ""
	if report.Status != success {
		done = line(now, "platform.initRuntimeDone", record)
	}
	record.Metrics = &initMetrics{round(report.DurationMs)}
	return done + line(now, "platform.initReport", record)
}

func (j jsonFormat) Start(now time.Time, requestID, traceID string) string {
	return line(now, "platform.start", startRecord{requestID, j.version, trace(traceID)})
}

func (jsonFormat) TimedOut(time.Time, string, int64) string { return "" }

func (jsonFormat) Crashed(string, string, string) string { return "" }

func (jsonFormat) End(now time.Time, report Report) string {
	done := ""
	if report.Status != success {
		done = line(now, "platform.runtimeDone", doneRecord{
			report.RequestID, report.Status, report.ErrorType,
			initMetrics{round(report.DurationMs)}, trace(report.TraceID),
		})
	}
	return done + line(now, "platform.report", reportRecord{
		RequestID: report.RequestID,
		Metrics: reportMetrics{
			round(report.DurationMs), report.BilledMs, report.MemorySizeMB, report.MaxMemoryMB,
			report.InitMs,
		},
		Tracing:   trace(report.TraceID),
		Status:    report.Status,
		ErrorType: report.ErrorType,
	})
}

func trace(value string) *tracing {
	if value == "" {
		return nil
	}
	return &tracing{"X-Amzn-Trace-Id", value}
}

func line(now time.Time, kind string, record any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(telemetry{stamp(now), kind, record}) // our own structs always encode
	return text.String()
}
