package runtimeapi

import (
	"time"

	"kubelambda.io/agent/quiet"
)

// waits are those of one connection for a runtime that works on an event, and that is about to ask for the
// next one. A client that uses a connection for each is no matter of forecast.
type waits struct {
	answer, next quiet.Forecast
	// current is the wait that has begun: nil, &answer or &next.
	current *quiet.Forecast
	begun   time.Time
}

// largeBytes is what takes the link a while to send on: others have to have their turn.
const largeBytes = 16 * 1024

// begin notes what a reply to head makes the runtime do.
func (w *waits) begin(head *request, reply Reply) {
	w.end(time.Since(w.begun))
	switch {
	case reply.Status == 200 && head.isNext():
		w.current = &w.answer
	case reply.Status == 202 && head.isSmall():
		w.current = &w.next
	}
	w.begun = time.Now()
}

func (w *waits) areShort() bool { return w.current != nil && w.current.IsShort() }

// arrived takes the head of the next request, and says whether its body is worth waiting for in the same way:
// clients send it right behind, but by itself. The wait for an answer ends with its body, a late one counts
// as well. What came on another connection in its place is no short wait.
func (w *waits) arrived(head *request) (bodyIsNear bool) {
	bodyIsNear = w.areShort() && head.contentLength > 0 && head.isSmall()
	switch {
	case head.isNext() != (w.current == &w.next):
		w.end(quiet.WaitMax)
	case head.isNext():
		w.end(time.Since(w.begun))
	}
	return bodyIsNear
}

func (w *waits) end(took time.Duration) {
	if w.current != nil {
		w.current.Learn(took)
		w.current = nil
	}
}

func (r *request) isNext() bool { return r.path == runtimePrefix+nextPath }

func (r *request) isSmall() bool { return !r.chunked && r.contentLength < largeBytes }
