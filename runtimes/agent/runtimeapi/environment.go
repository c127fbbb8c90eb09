package runtimeapi

import "kubelambda.io/agent/link"

// ResponseBytesMax is the most that a buffered response may have.
const ResponseBytesMax = 6_291_556

// Environment decides what the calls of a runtime mean. Its methods answer with the reply to send;
// all but Next return at once.
type Environment interface {
	// Next blocks until there is an event; false when another call has taken its place.
	Next() (link.Event, Reply, bool)
	// BeginResponse is asked before a response's body is read; the reply refuses it.
	BeginResponse(requestID, mode string) (StreamSink, *Reply)
	// FinishResponse takes the whole of a buffered response.
	FinishResponse(requestID string, outcome Outcome) Reply
	// InvocationError takes a posted error.
	InvocationError(requestID string, failure Failure) Reply
	// InitError takes the error of a failed init.
	InitError(failure Failure) Reply
	Extensions
}

// Outcome is how the body of a response came to an end.
type Outcome struct {
	Body        [][]byte
	ContentType string
	Kind        OutcomeKind
	Failure     Failure
}

// OutcomeKind tells a whole response from one that is none.
type OutcomeKind int

// The ways in which a response body ends.
const (
	Whole OutcomeKind = iota
	TooLarge
	Truncated
	Failed // an error in the trailers
)

// Failure is an error as the runtime reported it; Body goes to the caller byte for byte.
type Failure struct {
	Type     string
	Body     []byte
	TooLarge bool
}

// StreamSink takes a response that goes to the caller while it is being made.
type StreamSink interface {
	// Write blocks for flow control; false means that nobody wants more: discard the rest.
	Write(piece []byte) bool
}
