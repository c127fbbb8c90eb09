package logs

import "time"

// Record is one thing that the platform says of an environment: a line of a JSON log and an event of
// telemetry (spec/lambda.md, sections 1.12 and 2.8).
type Record struct {
	Type  string
	Body  any
	level Level
}

// Level is how much a record matters: a JSON log leaves out what is below its own level.
type Level int

// The levels of systemLogLevel; the zero value is the default.
const (
	Debug Level = iota - 1
	Info
	Warn
)

// ParseLevel gives Info for what it does not know.
func ParseLevel(name string) Level {
	switch name {
	case "DEBUG":
		return Debug
	case "WARN":
		return Warn
	}
	return Info
}

// levelOf is the level of how something went that matters as much as usual where it went well.
func levelOf(status string, usual Level) Level {
	if status == success {
		return usual
	}
	return Warn
}

// Span is a part of an event's time.
type Span struct {
	Name       string  `json:"name"`
	Start      string  `json:"start"`
	DurationMs float64 `json:"durationMs"`
}

// NewSpan is the time from start to end.
func NewSpan(name string, start, end time.Time) Span {
	duration := float64(end.Sub(start).Microseconds()) / 1000
	return Span{name, Stamp(start), round(duration)}
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
	Metrics   doneMetrics `json:"metrics"`
	Tracing   *tracing    `json:"tracing,omitempty"`
	Spans     []Span      `json:"spans,omitempty"`
}

type doneMetrics struct {
	DurationMs    float64 `json:"durationMs"`
	ProducedBytes *int64  `json:"producedBytes,omitempty"`
}

type reportRecord struct {
	RequestID string        `json:"requestId"`
	Metrics   reportMetrics `json:"metrics"`
	Tracing   *tracing      `json:"tracing,omitempty"`
	Status    string        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
	Spans     []Span        `json:"spans,omitempty"`
}

type reportMetrics struct {
	DurationMs       float64  `json:"durationMs"`
	BilledDurationMs int64    `json:"billedDurationMs"`
	MemorySizeMB     int      `json:"memorySizeMB"`
	MaxMemoryUsedMB  int64    `json:"maxMemoryUsedMB"`
	InitDurationMs   *float64 `json:"initDurationMs,omitempty"`
}

// Record is platform.initStart.
func (s InitStart) Record() Record {
	level := Info
	if s.RuntimeVersion == "" {
		level = Debug
	}
	return Record{"platform.initStart", s, level}
}

// RuntimeDone is platform.initRuntimeDone.
func (r InitReport) RuntimeDone() Record {
	body := initRecord{r.InitializationType, r.Phase, r.Status, r.ErrorType, nil}
	return Record{"platform.initRuntimeDone", body, levelOf(r.Status, Debug)}
}

// Record is platform.initReport.
func (r InitReport) Record() Record {
	metrics := &initMetrics{round(r.DurationMs)}
	body := initRecord{r.InitializationType, r.Phase, r.Status, r.ErrorType, metrics}
	return Record{"platform.initReport", body, levelOf(r.Status, Info)}
}

// StartRecord is platform.start.
func StartRecord(requestID, version, traceID string) Record {
	return Record{Type: "platform.start", Body: startRecord{requestID, version, trace(traceID)}}
}

// EndRecord is platform.end, which the Logs API alone has.
func EndRecord(requestID string) Record {
	body := struct {
		RequestID string `json:"requestId"`
	}{requestID}
	return Record{Type: "platform.end", Body: body}
}

// RuntimeDone is platform.runtimeDone.
func (r Report) RuntimeDone() Record {
	metrics := doneMetrics{round(r.DurationMs), nil}
	if r.Runtime != nil {
		metrics = doneMetrics{round(r.Runtime.DurationMs), &r.Runtime.ProducedBytes}
	}
	body := doneRecord{r.RequestID, r.Status, r.ErrorType, metrics, trace(r.TraceID), nil}
	if r.Runtime != nil {
		body.Spans = r.Runtime.Spans
	}
	return Record{"platform.runtimeDone", body, levelOf(r.Status, Debug)}
}

// Record is platform.report.
func (r Report) Record() Record {
	body := reportRecord{
		RequestID: r.RequestID,
		Metrics: reportMetrics{
			round(r.DurationMs), r.BilledMs, r.MemorySizeMB, r.MaxMemoryMB, r.InitMs,
		},
		Tracing:   trace(r.TraceID),
		Status:    r.Status,
		ErrorType: r.ErrorType,
		Spans:     r.Spans,
	}
	return Record{"platform.report", body, levelOf(r.Status, Info)}
}

// Record is platform.extension.
func (e Extension) Record() Record {
	level := Info
	if e.ErrorType != "" {
		level = Warn
	}
	return Record{"platform.extension", e, level}
}

// Record is platform.telemetrySubscription or, for the Logs API, platform.logsSubscription.
func (s Subscription) Record() Record {
	return Record{Type: "platform." + s.API + "Subscription", Body: s}
}

// FaultRecord is platform.fault, whose body is text.
func FaultRecord(requestID, message, errorType string) Record {
	return Record{Type: "platform.fault", Body: crashText(requestID, message, errorType)}
}

func trace(value string) *tracing {
	if value == "" {
		return nil
	}
	return &tracing{"X-Amzn-Trace-Id", value}
}
