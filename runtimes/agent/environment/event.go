package environment

import (
	"time"

	"kubelambda.io/agent/link"
	"kubelambda.io/agent/logs"
)

// largeBytes is the size from which on a body is freed as soon as it can be.
const largeBytes = 256 * 1024

// event is one event in flight and, afterwards, its result.
type event struct {
	link.Event
	// conn is where the answer is wanted; nil or another than the current one, where it is kept.
	conn      *link.Conn
	started   time.Time
	deadline  time.Time
	timer     *time.Timer
	inline    bool // the runtime had to be started inside the event
	delivered bool
	hasStart  bool // START is in the log
	answered  bool
	sink      *stream
	head      link.ResponseHead
	body      [][]byte
	// tooLarge is an error of the function's, but not one that it reported itself.
	tooLarge bool
	report   *link.IdleReport
	timing
}

// timing is when the parts of an event were; all but deliveredAt are zero until they are over.
type timing struct {
	deliveredAt   time.Time
	responseBegan time.Time
	answeredAt    time.Time
	runtimeDoneAt time.Time
	startTold     bool
}

// producedBytes is what the runtime has answered so far.
func (e *event) producedBytes() int64 {
	if e.sink != nil {
		return e.sink.bytes()
	}
	return int64(size(e.body))
}

// Invoke begins an event, or attaches to the one of the same id that runs or has just run.
func (e *Environment) Invoke(arrived link.Event) error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.attach(arrived.RequestID) {
		return nil
	}
	if e.phase != idle {
		return link.Violation("invoke before idle")
	}
	e.forgetKept()
	e.stopFreezeTimer()
	if e.frozen {
		e.options.Supervisor.Thaw()
		e.frozen = false
	}
	e.beginEvent(arrived)
	switch {
	case e.cleaning: // endCleaning goes on
	case e.runtime != nil:
		e.deliver()
	default:
		e.startForEvent()
	}
	return nil
}

func (e *Environment) beginEvent(arrived link.Event) {
	now := time.Now()
	limit := milliseconds(arrived.TimeoutMs, eventTimeout)
	arrived.TimeoutMs = limit.Milliseconds()
	fresh := &event{Event: arrived, conn: e.conn, started: now, deadline: now.Add(limit)}
	fresh.DeadlineMs = fresh.deadline.UnixMilli()
	fresh.timer = time.AfterFunc(limit, func() { e.eventTimedOut(fresh) })
	e.event = fresh
	e.phase = busy
}

// attach answers an event that was given once before, by a gateway that is gone, from what is known
// of it. The gateway that has had the result may mean another run by the same id: a retry.
func (e *Environment) attach(requestID string) bool {
	if e.kept != nil && e.kept.RequestID == requestID && e.kept.conn != e.conn && e.phase == idle {
		e.conn.Respond(e.kept.head, e.kept.body)
		e.conn.Idle(*e.kept.report)
		return true
	}
	running := e.phase == busy || e.phase == resetting
	if !running || e.event.RequestID != requestID || e.event.conn == e.conn {
		return false
	}
	e.event.conn = e.conn
	if e.event.answered {
		e.conn.Respond(e.event.head, e.event.body)
	}
	return true
}

func (e *Environment) startForEvent() {
	e.event.inline = true
	if e.event.Tail {
		e.options.Sink.BeginTail() // an init that fails says why before START
	}
	if e.codeFailure != nil {
		e.leaveIfCodeMayRecover()
		e.failEvent(e.codeFailure.failure)
		return
	}
	if problem := e.startProcesses("invoke"); problem != nil {
		e.failEvent(*problem)
	}
}

// deliver hands the event to the extensions that subscribed and to the call of next that waits for it.
func (e *Environment) deliver() {
	e.event.delivered = true
	e.event.deliveredAt = time.Now()
	e.writeStart()
	e.giveInvoke()
	e.runtime.begin(e.event.Event)
}

func (e *Environment) writeStart() {
	if e.event.hasStart {
		return
	}
	e.event.hasStart = true
	e.tellStart()
	if e.event.Tail && (e.event.delivered || !e.event.inline) {
		e.options.Sink.BeginTail()
	}
	e.options.Sink.SystemSoon(e.format.Start(time.Now(), e.event.RequestID, e.event.TraceID))
}

// respond answers the caller; what the runtime does from now on is between it and its log.
func (e *Environment) respond(head link.ResponseHead, body [][]byte) {
	e.event.answered = true
	e.event.answeredAt = time.Now()
	e.event.head, e.event.body = head, body
	if e.event.conn != nil && e.event.conn == e.conn {
		e.conn.Respond(head, body)
	}
}

func (e *Environment) respondError(errorType string, payload []byte) {
	e.respond(link.ResponseHead{
		RequestID:     e.event.RequestID,
		FunctionError: true,
		ErrorType:     errorType,
		Mode:          "buffered",
		ContentType:   "application/json",
	}, [][]byte{payload})
}

// buildReport describes the event at its end; handled is true for an error that the function itself
// reported.
func (e *Environment) buildReport(
	status, errorType string, handled bool, elapsedMs float64,
) logs.Report {
	return logs.Report{
		RequestID:    e.event.RequestID,
		TraceID:      e.event.TraceID,
		DurationMs:   elapsedMs,
		BilledMs:     logs.Billed(elapsedMs, e.init.pendingMs),
		MemorySizeMB: e.configuration.MemorySizeMB,
		MaxMemoryMB:  e.memory.maxMB(),
		InitMs:       e.init.pendingMs,
		Status:       status,
		ErrorType:    errorType,
		Handled:      handled,
		Runtime:      e.describeRuntimePart(),
		Spans:        e.describeExtensionPart(),
	}
}

// closeEvent writes END and REPORT and says that the environment is idle.
func (e *Environment) closeEvent(report logs.Report) {
	closing := e.event
	e.init.pendingMs = nil
	e.tellReport(report)
	e.writeLog(e.format.End(time.Now(), report))
	closing.report = &link.IdleReport{
		RequestID:   report.RequestID,
		Status:      report.Status,
		ErrorType:   report.ErrorType,
		DurationMs:  report.DurationMs,
		BilledMs:    report.BilledMs,
		MaxMemoryMB: report.MaxMemoryMB,
		InitMs:      report.InitMs,
	}
	if closing.Tail {
		closing.report.Tail = e.options.Sink.EndTail()
	}
	e.becomeIdle()
}

func (e *Environment) becomeIdle() {
	closing := e.event
	e.event = nil
	e.phase = idle
	if e.conn != nil {
		e.conn.Idle(*closing.report)
	}
	e.keep(closing)
	switch {
	case e.leaving:
		e.end()
	case e.abandoned != nil:
		e.abandoned.Finish()
	}
	e.abandoned = nil
	e.startFreezeTimer()
}

func (e *Environment) endCleaning() {
	e.cleaning = false
	if e.phase == busy {
		e.startForEvent()
	}
}
