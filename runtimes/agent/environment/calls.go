package environment

import (
	"fmt"
	"time"

	"kubelambda.io/agent/link"
	"kubelambda.io/agent/runtimeapi"
)

const streaming = "streaming"

// answerPatience is how long a runtime that asks for its next event may have its answer still under way.
const answerPatience = 500 * time.Millisecond

// Next waits for an event. The first call ends init, a later one ends the event before; a runtime
// that asks again without an answer is given the same event again, and calls that wait at the same
// time are all given the next one.
func (e *Environment) Next() (link.Event, runtimeapi.Reply, bool) {
	e.awaitAnswer()
	waiter, given, refusal := e.ask()
	if refusal != nil {
		return link.Event{}, *refusal, true
	}
	if given != nil {
		return *given, runtimeapi.Reply{}, true
	}
	event, more := <-waiter
	return event, runtimeapi.Reply{}, more
}

// awaitAnswer lets an answer that is under way come first: aws-lambda-ric 4 sends the end of a stream that
// failed on one connection and asks for its next event on another, without waiting. Judged by what came
// first, its handler would be run twice for one event, or its process be told 403 and end.
func (e *Environment) awaitAnswer() {
	if state, answered, gone := e.pendingAnswer(); state == running {
		patience := time.NewTimer(answerPatience)
		defer patience.Stop()
		select {
		case <-answered:
		case <-gone:
		case <-patience.C:
		}
	}
	if state, answered, gone := e.pendingAnswer(); state == invocationResponse {
		select {
		case <-answered:
		case <-gone:
		}
	}
}

// pendingAnswer tells the runtime's state, and what ends the wait for its answer.
func (e *Environment) pendingAnswer() (state runtimeState, answered, gone <-chan struct{}) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.runtime == nil {
		return started, nil, nil
	}
	return e.runtime.state, e.runtime.answered, e.runtime.gone
}

func (e *Environment) ask() (chan link.Event, *link.Event, *runtimeapi.Reply) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.runtime == nil {
		refusal := internalError()
		return nil, nil, &refusal
	}
	switch e.runtime.state {
	case running:
		again := e.event.Event // a copy: the event may end while it is written
		return nil, &again, nil
	case initFailed, invocationResponse, invocationErrorResponse:
		refusal := e.refuseTransition(ready)
		return nil, nil, &refusal
	}
	waiter := make(chan link.Event, 1)
	e.runtime.waiters = append(e.runtime.waiters, waiter)
	before := e.runtime.state
	e.runtime.state = ready
	switch before {
	case started:
		e.noteInitDone()
	case responseSent:
		e.noteRuntimeDone()
	}
	e.proceed()
	return waiter, nil, nil
}

// proceed goes on once the runtime and all extensions concerned have asked for their next event.
func (e *Environment) proceed() {
	if e.runtime == nil || e.runtime.state != ready {
		return
	}
	switch {
	case e.phase == initialising && e.processes.registry.Settled():
		e.endInit()
	case e.phase != busy:
	case !e.event.delivered && e.processes.registry.Settled():
		e.endInlineInit()
		e.deliver()
	case e.event.delivered && e.processes.registry.Idle():
		e.completeEvent()
	}
}

// completeEvent closes an event whose runtime and extensions have come back for another.
func (e *Environment) completeEvent() {
	e.event.timer.Stop()
	elapsed := sinceMs(e.event.started)
	e.sampleMemory()
	e.runtime.relay.Drain()
	e.processes.drain()
	e.closeEvent(e.buildReport(e.outcome(), e.event.head.ErrorType, !e.event.tooLarge, elapsed))
}

// outcome is how an event that was answered went.
func (e *Environment) outcome() string {
	if e.event.head.FunctionError {
		return "error"
	}
	return "success"
}

// BeginResponse accepts a response before its body is read; a sink, where there is one, takes the
// body as it comes. That is the caller's choice alone, as on AWS: aws-lambda-go sends what a reader gives
// as it comes, and names no mode.
func (e *Environment) BeginResponse(
	requestID, mode string,
) (runtimeapi.StreamSink, *runtimeapi.Reply) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if refusal := e.refuse(requestID, invocationResponse); refusal != nil {
		return nil, refusal
	}
	if mode != "" && mode != streaming {
		e.runtime.endResponse()
		reason := failure{errorType: invalidModeHeader, message: "Invalid response mode header"}
		e.respondError(reason.errorType, reason.payload(requestID))
		reply := runtimeapi.Refusal(400, "InvalidFunctionResponseMode",
			"Invalid function response mode")
		return nil, &reply
	}
	e.runtime.state = invocationResponse
	e.event.responseBegan = time.Now()
	if e.event.Stream && e.event.conn != nil {
		e.event.sink = newStream(e.event)
		return e.event.sink, nil
	}
	return nil, nil
}

// FinishResponse answers the caller with a body that has been read to its end.
func (e *Environment) FinishResponse(
	requestID string, outcome runtimeapi.Outcome,
) runtimeapi.Reply {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.runtime == nil || e.event == nil || e.event.RequestID != requestID {
		return invalidRequestID()
	}
	if e.runtime.state != invocationResponse {
		return e.refuseTransition(invocationResponse)
	}
	e.runtime.endResponse()
	if e.event.sink != nil {
		return e.finishStream(outcome)
	}
	switch outcome.Kind {
	case runtimeapi.TooLarge:
		e.respondTooLarge()
		return tooLarge()
	case runtimeapi.Truncated:
		reason := failure{errorType: truncatedResponse, message: "Response was truncated"}
		e.respondError(reason.errorType, reason.payload(requestID))
		return truncatedRequest()
	case runtimeapi.Failed:
		e.respondError(outcome.Failure.Type, orEmpty(outcome.Failure.Body))
		return runtimeapi.Accepted()
	}
	e.respond(link.ResponseHead{
		RequestID: requestID, Mode: "buffered", ContentType: outcome.ContentType,
	}, outcome.Body)
	return runtimeapi.Accepted()
}

func (e *Environment) finishStream(outcome runtimeapi.Outcome) runtimeapi.Reply {
	e.event.answered = true
	e.event.answeredAt = time.Now()
	switch outcome.Kind {
	case runtimeapi.Truncated:
		e.event.sink.end(truncatedResponse, nil)
		return truncatedRequest()
	case runtimeapi.Failed:
		e.event.sink.end(outcome.Failure.Type, outcome.Failure.Body)
	default:
		e.event.sink.end("", nil)
	}
	return runtimeapi.Accepted()
}

func (e *Environment) respondTooLarge() {
	e.event.tooLarge = true
	e.respondError(responseTooLarge, []byte(responseTooLargeBody))
}

// InvocationError answers the caller with the error that the runtime posts, as it is.
func (e *Environment) InvocationError(
	requestID string, reported runtimeapi.Failure,
) runtimeapi.Reply {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if refusal := e.refuse(requestID, invocationErrorResponse); refusal != nil {
		return *refusal
	}
	e.runtime.endResponse()
	e.event.responseBegan = time.Now()
	if reported.TooLarge {
		e.respondTooLarge()
		return tooLarge()
	}
	e.respondError(reported.Type, orEmpty(reported.Body))
	return runtimeapi.Accepted()
}

// refuse judges an answer to requestID: first the id, then the state.
func (e *Environment) refuse(requestID string, to runtimeState) *runtimeapi.Reply {
	var reply runtimeapi.Reply
	switch {
	case e.runtime == nil || e.event == nil || e.event.RequestID != requestID:
		reply = invalidRequestID()
	case e.runtime.state != running:
		reply = e.refuseTransition(to)
	default:
		return nil
	}
	return &reply
}

func (e *Environment) refuseTransition(to runtimeState) runtimeapi.Reply {
	from := started
	if e.runtime != nil {
		from = e.runtime.state
	}
	return runtimeapi.Refusal(403, "InvalidStateTransition", fmt.Sprintf(
		"State transition from %s to %s failed for runtime. Error: "+
			"State transition is not allowed", from, to))
}

func invalidRequestID() runtimeapi.Reply {
	return runtimeapi.Refusal(400, "InvalidRequestID", "Invalid request ID")
}

func tooLarge() runtimeapi.Reply {
	return runtimeapi.Refusal(413, "RequestEntityTooLarge",
		"Exceeded maximum allowed payload size (6291556 bytes).")
}

func truncatedRequest() runtimeapi.Reply {
	return runtimeapi.Refusal(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

func internalError() runtimeapi.Reply {
	return runtimeapi.Refusal(500, "InternalServerError", "Internal Server Error")
}
