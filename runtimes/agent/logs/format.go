package logs

import "time"

// Format writes the platform's own lines; each ends in a line feed, and is empty where the format
// has no such line.
type Format interface {
	InitStart(now time.Time, start InitStart) string
	// Extension and Subscription precede InitReport.
	Extension(now time.Time, extension Extension) string
	Subscription(now time.Time, subscription Subscription) string
	InitReport(now time.Time, report InitReport) string
	Start(now time.Time, requestID, traceID string) string
	// TimedOut and Crashed precede End.
	TimedOut(now time.Time, requestID string, timeoutMs int64) string
	Crashed(requestID, message, errorType string) string
	// End closes an event.
	End(now time.Time, report Report) string
}

// InitStart is how an environment begins.
type InitStart struct {
	InitializationType string `json:"initializationType"`
	Phase              string `json:"phase"`
	RuntimeVersion     string `json:"runtimeVersion,omitempty"`
	RuntimeVersionARN  string `json:"runtimeVersionArn,omitempty"`
	FunctionName       string `json:"functionName"`
	FunctionVersion    string `json:"functionVersion"`
	InstanceID         string `json:"instanceId"`
	InstanceMaxMemory  int64  `json:"instanceMaxMemory"`
}

// InitReport is how an init went; ErrorType is empty for a timeout.
type InitReport struct {
	InitializationType string
	Phase              string
	Status             string
	ErrorType          string
	DurationMs         float64
}

// Report is what is said of an event at its end.
type Report struct {
	RequestID    string
	TraceID      string
	DurationMs   float64
	BilledMs     int64
	MemorySizeMB int
	MaxMemoryMB  int64
	InitMs       *float64
	Status       string
	ErrorType    string
	// Handled is an error that the function itself reported: text REPORT lines do not name it.
	Handled bool
	// Runtime is the runtime's own part, where it is known; Spans is what came after it.
	Runtime *RuntimePart
	Spans   []Span
}

// RuntimePart is an event as the runtime alone had it, without what extensions took afterwards.
type RuntimePart struct {
	DurationMs    float64
	ProducedBytes int64
	Spans         []Span
}

// Extension is how an extension stands at the end of init.
type Extension struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`
	Events    []string `json:"events"`
	ErrorType string   `json:"errorType,omitempty"`
}

// Subscription is an extension that is sent telemetry; API is telemetry or logs.
type Subscription struct {
	API   string   `json:"-"`
	Name  string   `json:"name"`
	State string   `json:"state"`
	Types []string `json:"types"`
}

// NewFormat gives JSON lines, from level upwards, or text lines for a function's version.
func NewFormat(name, version string, level Level) Format {
	if name == "JSON" {
		return jsonFormat{version, level}
	}
	return textFormat{version}
}
