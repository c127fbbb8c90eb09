package runtimeapi

import (
	"encoding/base64"
	"io"
	"regexp"
	"strconv"
	"strings"

	"kubelambda.io/agent/link"
	"kubelambda.io/agent/quiet"
)

const (
	runtimePrefix   = "/2018-06-01/runtime/"
	nextPath        = "invocation/next"
	errorTypeHeader = "lambda-runtime-function-error-type"
	errorBodyHeader = "lambda-runtime-function-error-body"
	modeHeader      = "lambda-runtime-function-response-mode"
	errorBytesMax   = ResponseBytesMax
)

var knownErrorType = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// call is one request in hand.
type call struct {
	server *Server
	conn   *quiet.Conn
	head   *request
	body   *bodyReader
}

// answer routes the call; false means that there is nobody left to answer.
func (c *call) answer() (Reply, bool) {
	if c.head.path == "/2018-06-01/ping" {
		return textReply(200, "pong"), true
	}
	path, found := strings.CutPrefix(c.head.path, runtimePrefix)
	switch {
	case !found:
		if reply, alive, ours := c.answerExtension(); ours {
			return reply, alive
		}
		return notFound(), true
	case path == nextPath:
		return c.only("GET", c.next)
	case path == "init/error":
		return c.only("POST", c.initError)
	}
	return c.answerInvocation(path)
}

func (c *call) answerInvocation(path string) (Reply, bool) {
	rest, found := strings.CutPrefix(path, "invocation/")
	requestID, verb, whole := strings.Cut(rest, "/")
	if !found || !whole {
		return notFound(), true
	}
	switch verb {
	case "response":
		return c.only("POST", func() (Reply, bool) { return c.response(requestID) })
	case "error":
		return c.only("POST", func() (Reply, bool) { return c.invocationError(requestID) })
	}
	return notFound(), true
}

func (c *call) only(method string, do func() (Reply, bool)) (Reply, bool) {
	if c.head.method != method {
		return textReply(405, ""), true
	}
	return do()
}

func (c *call) next() (Reply, bool) {
	event, refusal, given := c.server.Environment.Next()
	if refusal.Status != 0 {
		return refusal, true
	}
	return describe(event), given
}

func describe(event link.Event) Reply {
	reply := Reply{Status: 200, Body: event.Body, Headers: make([][2]string, 0, 7)}
	deadline := strconv.FormatInt(event.DeadlineMs, 10)
	for _, header := range [...][2]string{
		{"Content-Type", contentJSON},
		{"Lambda-Runtime-Aws-Request-Id", event.RequestID},
		{"Lambda-Runtime-Deadline-Ms", deadline},
		{"Lambda-Runtime-Invoked-Function-Arn", event.InvokedARN},
		{"Lambda-Runtime-Trace-Id", event.TraceID},
		{"Lambda-Runtime-Client-Context", event.ClientContext},
		{"Lambda-Runtime-Cognito-Identity", event.CognitoIdentity},
	} {
		if header[1] != "" {
			reply.Headers = append(reply.Headers, header)
		}
	}
	return reply
}

func (c *call) response(requestID string) (Reply, bool) {
	environment := c.server.Environment
	sink, refusal := environment.BeginResponse(requestID, c.head.headers.get(modeHeader))
	if refusal != nil {
		return *refusal, true
	}
	outcome := c.readOutcome(sink)
	reply := environment.FinishResponse(requestID, outcome)
	if outcome.Kind == Truncated {
		c.head.close = true
	}
	return reply, true
}

func (c *call) readOutcome(sink StreamSink) Outcome {
	outcome := Outcome{ContentType: c.head.headers.get("content-type")}
	if sink != nil {
		outcome.Kind = c.relay(sink)
	} else {
		outcome.Body, outcome.Kind = c.body.collect(ResponseBytesMax)
	}
	if outcome.Kind == Whole && c.body.trailers.get(errorTypeHeader) != "" {
		outcome.Kind, outcome.Body = Failed, nil
		outcome.Failure = trailerFailure(c.body.trailers)
	}
	return outcome
}

func trailerFailure(trailers headers) Failure {
	body, err := base64.StdEncoding.DecodeString(trailers.get(errorBodyHeader))
	if err != nil {
		body = nil
	}
	return Failure{Type: normaliseErrorType(trailers.get(errorTypeHeader)), Body: body}
}

func (c *call) relay(sink StreamSink) OutcomeKind {
	for {
		buffer := make([]byte, pieceBytes/4)
		count, err := c.body.read(buffer)
		if count > 0 && !sink.Write(buffer[:count]) && c.body.discard() != nil {
			return Truncated
		}
		switch {
		case err == io.EOF:
			return Whole
		case err != nil:
			return Truncated
		}
	}
}

func (c *call) invocationError(requestID string) (Reply, bool) {
	failure, alive := c.readFailure()
	if !alive {
		return Reply{}, false
	}
	return c.server.Environment.InvocationError(requestID, failure), true
}

func (c *call) initError() (Reply, bool) {
	failure, alive := c.readFailure()
	if !alive {
		return Reply{}, false
	}
	return c.server.Environment.InitError(failure), true
}

func (c *call) readFailure() (Failure, bool) {
	pieces, kind := c.body.collect(errorBytesMax)
	if kind == Truncated {
		return Failure{}, false
	}
	var body []byte
	for _, piece := range pieces {
		body = append(body, piece...)
	}
	if c.head.headers.get("content-type") == causeContentType {
		body = stripCause(body)
	}
	return Failure{
		Type:     normaliseErrorType(c.head.headers.get(errorTypeHeader)),
		Body:     body,
		TooLarge: kind == TooLarge,
	}, true
}

// normaliseErrorType keeps what logs and metrics may be keyed by within bounds.
func normaliseErrorType(reported string) string {
	switch {
	case knownErrorType.MatchString(reported):
		return reported
	case strings.HasPrefix(reported, "Function."):
		return "Function.Unknown"
	}
	return "Runtime.Unknown"
}

func notFound() Reply { return textReply(404, "404 page not found\n") }
