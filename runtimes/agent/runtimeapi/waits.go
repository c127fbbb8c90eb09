package runtimeapi

import (
	"strings"
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
	w.current = nil
	switch {
	case reply.Status == 200 && head.path == runtimePrefix+nextPath:
		w.current = &w.answer
	case reply.Status == 202 && !head.chunked && head.contentLength < largeBytes:
		w.current = &w.next
	default:
		return
	}
	w.begun = time.Now()
}

func (w *waits) areShort() bool { return w.current != nil && w.current.IsShort() }

// end takes the request that came. What came on another connection in its place is no short wait.
func (w *waits) end(head *request) {
	if w.current == nil {
		return
	}
	took := time.Since(w.begun)
	isNext := head.path == runtimePrefix+nextPath
	if isNext != (w.current == &w.next) || !strings.HasPrefix(head.path, runtimePrefix) {
		took = quiet.WaitMax
	}
	w.current.Learn(took)
	w.current = nil
}
