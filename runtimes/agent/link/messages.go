package link

// State is what an environment says of itself in hello.
type State string

// The states of hello.
const (
	Unconfigured State = "unconfigured"
	Starting     State = "starting"
	StateIdle    State = "idle"
	StateBusy    State = "busy"
)

// Identity is what the agent is, fixed for its life; the static part of hello.
type Identity struct {
	Namespace     string `json:"namespace"`
	Function      string `json:"function"`
	UID           string `json:"uid"`
	KeyGeneration int    `json:"keyGeneration"`
	ConfigDigest  string `json:"configDigest"`
	Revision      string `json:"revision"`
	Pod           string `json:"pod"`
	PodUID        string `json:"podUid"`
}

// Status is the part of hello that changes.
type Status struct {
	State       State  `json:"state"`
	RequestID   string `json:"requestId,omitempty"`
	RemainingMs int64  `json:"remainingMs,omitempty"`
}

type challengeMessage struct {
	Version int    `json:"version"`
	Nonce   string `json:"nonce"`
}

type helloMessage struct {
	Version int `json:"version"`
	Identity
	Nonce string `json:"nonce"`
	Proof string `json:"proof"`
	Status
	Epoch int64 `json:"epoch"`
	// EpochProof is the word of a gateway for Epoch: without it nobody believes an agent.
	EpochProof string `json:"epochProof,omitempty"`
}

type answerMessage struct {
	Address    string `json:"address"`
	Epoch      int64  `json:"epoch"`
	EpochProof string `json:"epochProof"`
	Proof      string `json:"proof"`
}

type refuseMessage struct {
	Reason       string `json:"reason"`
	RetryAfterMs int64  `json:"retryAfterMs"`
}

// Configuration is what configure carries: all that makes an environment this function's.
type Configuration struct {
	FunctionName       string            `json:"functionName"`
	FunctionVersion    string            `json:"functionVersion"`
	InvokedARN         string            `json:"invokedArn"`
	MemorySizeMB       int               `json:"memorySizeMB"`
	TimeoutMs          int64             `json:"timeoutMs"`
	InitTimeoutMs      int64             `json:"initTimeoutMs"`
	InitializationType string            `json:"initializationType"`
	Handler            string            `json:"handler"`
	Environment        map[string]string `json:"environment"`
	RuntimeVersion     string            `json:"runtimeVersion"`
	RuntimeVersionARN  string            `json:"runtimeVersionArn"`
	LogFormat          string            `json:"logFormat"`
	// SystemLogLevel is the lowest level of the platform's lines in a JSON log.
	SystemLogLevel string `json:"systemLogLevel"`
	// LogGroup is empty where the function logs to its own group.
	LogGroup string     `json:"logGroup"`
	Code     CodeSource `json:"code"`
	// Layers are unpacked in this order, before the code.
	Layers []CodeSource `json:"layers"`
}

// CodeSource names where the code is: exactly one member is set.
type CodeSource struct {
	Inline    map[string]string `json:"inline"`
	Zip       []byte            `json:"zip"`
	Directory string            `json:"directory"`
	Mounted   string            `json:"mounted"`
	// Package is the SHA-256 of a package to be had from a gateway.
	Package string     `json:"package"`
	URL     *URLSource `json:"url"`
	S3      *S3Source  `json:"s3"`
	// Image says that the code is in the container's image: there is nothing to unpack.
	Image bool `json:"image"`
}

// URLSource is a package at an address that the function's owner has chosen.
type URLSource struct {
	URL    string `json:"url"`
	SHA256 string `json:"sha256"`
}

// S3Source is an object of a bucket; Version may be empty.
type S3Source struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"`
}

// EventHead is what invoke says of one event; its body follows.
type EventHead struct {
	RequestID       string `json:"requestId"`
	TimeoutMs       int64  `json:"timeoutMs"`
	InvokedARN      string `json:"invokedArn"`
	TraceID         string `json:"traceId"`
	ClientContext   string `json:"clientContext"`
	CognitoIdentity string `json:"cognitoIdentity"`
	Tail            bool   `json:"tail"`
	Stream          bool   `json:"stream"`
	ContentLength   int64  `json:"contentLength"`
}

// Event is one whole event; Body is cut as it came, to be written one piece after the other.
// DeadlineMs is set where the event's timer starts.
type Event struct {
	EventHead
	Body       [][]byte
	DeadlineMs int64
}

// ResponseHead precedes the body of a response.
type ResponseHead struct {
	RequestID     string `json:"requestId"`
	FunctionError bool   `json:"functionError"`
	ErrorType     string `json:"errorType"`
	Mode          string `json:"mode"`
	ContentType   string `json:"contentType"`
}

type responseEndMessage struct {
	RequestID string `json:"requestId"`
	ErrorType string `json:"errorType,omitempty"`
	// Error is the error's JSON, where the runtime gave one.
	Error string `json:"error,omitempty"`
}

type initDoneMessage struct {
	InitMs float64 `json:"initMs"`
}

type initErrorMessage struct {
	ErrorType string  `json:"errorType"`
	InitMs    float64 `json:"initMs"`
}

// IdleReport closes an event: what it cost, and how it went.
type IdleReport struct {
	RequestID   string   `json:"requestId"`
	Status      string   `json:"status"`
	ErrorType   string   `json:"errorType"`
	DurationMs  float64  `json:"durationMs"`
	BilledMs    int64    `json:"billedMs"`
	MaxMemoryMB int64    `json:"maxMemoryMB"`
	InitMs      *float64 `json:"initMs,omitempty"`
	Tail        []byte   `json:"tail,omitempty"`
}

type goawayMessage struct {
	Address    string `json:"address"`
	Epoch      int64  `json:"epoch"`
	EpochProof string `json:"epochProof"`
}

type shutdownMessage struct {
	Reason string `json:"reason"`
}
