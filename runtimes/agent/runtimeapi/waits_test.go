package runtimeapi

import (
	"testing"
	"time"

	"kubelambda.io/agent/quiet"
)

var (
	nextHead   = &request{method: "GET", path: runtimePrefix + nextPath}
	answerHead = &request{method: "POST", path: runtimePrefix + "invocation/id/response", contentLength: 2}
	event      = Reply{Status: 200}
)

// serve lets one event pass; the answer takes so long.
func (w *waits) serve(took time.Duration) {
	w.arrived(nextHead)
	w.begin(nextHead, event)
	w.begun = w.begun.Add(-took)
	w.arrived(answerHead)
	w.begin(answerHead, Accepted())
}

func TestShortEventsMakeTheNextOnesExpectedSoon(t *testing.T) {
	w := &waits{}
	for range 3 {
		w.serve(time.Millisecond)
	}
	if !w.areShort() {
		t.Error("the next call is not expected soon")
	}
	w.arrived(nextHead)
	w.begin(nextHead, event)
	if !w.areShort() || !w.arrived(answerHead) {
		t.Error("the answer, or its body, is not expected soon")
	}
}

func TestAnEventThatTakesItsTimeIsLeftToThePoller(t *testing.T) {
	w := &waits{}
	for range 5 {
		w.serve(quiet.WaitMax)
	}
	w.arrived(nextHead)
	w.begin(nextHead, event)
	if w.areShort() || w.arrived(answerHead) {
		t.Error("the answer is expected soon")
	}
}

func TestAnAnswerOnAnotherConnectionIsNeverExpectedHere(t *testing.T) {
	w := &waits{}
	for range 10 {
		w.arrived(nextHead)
		w.begin(nextHead, event)
		if w.areShort() {
			t.Fatal("the answer is expected where it never comes")
		}
	}
}

func TestALargeAnswerIsSentOnBeforeTheNextCallIsWaitedFor(t *testing.T) {
	w := &waits{}
	for range 5 {
		w.serve(time.Millisecond)
	}
	w.arrived(nextHead)
	w.begin(nextHead, event)
	large := *answerHead
	large.contentLength = largeBytes
	w.arrived(&large)
	w.begin(&large, Accepted())
	if w.areShort() {
		t.Error("the next call is waited for")
	}
}
