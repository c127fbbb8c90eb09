package environment

import (
	"time"

	"kubelambda.io/agent/logs"
)

// killPatience is how long the answer to a failed event waits for the end of its processes.
const killPatience = 150 * time.Millisecond

// eventTimedOut ends an event at its deadline.
func (e *Environment) eventTimedOut(timed *event) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.event == timed && e.phase == busy {
		e.failEvent(timeout(timed.TimeoutMs))
	}
}

// failEvent ends the function's processes, and answers the caller if nothing has yet. The answer waits
// for idle, so that the caller's next request finds the environment free, but not for longer than
// killPatience.
func (e *Environment) failEvent(reason failure) {
	e.event.timer.Stop()
	failed := e.event
	switch {
	case failed.answered:
	case failed.sink != nil:
		failed.answered = true
		failed.sink.end(reason.errorType, reason.payload(failed.RequestID))
	default:
		time.AfterFunc(killPatience, func() { e.answerFailed(failed, reason) })
	}
	e.phase = resetting
	elapsed := sinceMs(e.event.started)
	e.sampleMemory()
	if e.event.inline && !e.event.delivered {
		e.noteFailedInit("invoke", reason, elapsed)
	}
	report := e.reportFailure(reason, elapsed)
	e.reset(reason.shutdownReason(), func() { e.closeFailed(reason, report, elapsed) })
}

// reportFailure builds the report of an event that failed, and sends it while its subscribers still run.
func (e *Environment) reportFailure(reason failure, elapsedMs float64) logs.Report {
	status := "error"
	if reason.errorType == timedOut {
		status = "timeout"
		elapsedMs = float64(e.event.TimeoutMs) // ending the processes is not billed
	}
	e.drainForTelemetry()
	report := e.buildReport(status, reason.errorType, false, elapsedMs)
	e.tellFailure(reason, report)
	return report
}

func (e *Environment) answerFailed(failed *event, reason failure) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.event == failed {
		e.respondFailed(reason)
	}
}

func (e *Environment) respondFailed(reason failure) {
	if !e.event.answered {
		e.respondError(reason.errorType, reason.payload(e.event.RequestID))
	}
}

// closeFailed writes what an event that ended its processes leaves in the log.
func (e *Environment) closeFailed(reason failure, report logs.Report, elapsedMs float64) {
	if e.event.inline && !e.event.delivered {
		e.reportFailedInit("invoke", reason, elapsedMs)
	}
	e.respondFailed(reason)
	e.writeStart()
	switch {
	case reason.errorType == timedOut:
		e.writeLog(e.format.TimedOut(time.Now(), e.event.RequestID, e.event.TimeoutMs))
	case reason.crashed:
		e.writeLog(e.format.Crashed(e.event.RequestID, reason.message, reason.errorType))
	}
	e.closeEvent(report)
}
