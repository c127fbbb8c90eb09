package environment

import (
	"time"

	"kubelambda.io/agent/extensions"
	"kubelambda.io/agent/logs"
)

// The records that are sent to subscribers of telemetry; most are in the log as well, in the log's own
// format. Without subscribers none are made.

func (e *Environment) tell(record logs.Record) { e.hub.Tell(time.Now(), record) }

// noteInitDone is the runtime's first call of next: registration closes.
func (e *Environment) noteInitDone() {
	e.processes.registry.Close()
	phase := "init"
	if e.phase == busy {
		phase = "invoke"
	}
	e.drainForTelemetry()
	e.tell(e.describeInit(phase, "success", "", 0).RuntimeDone())
}

// endInlineInit is endInit inside an event, whose time it is part of.
func (e *Environment) endInlineInit() { e.closeInit("invoke", sinceMs(e.processes.started)) }

// closeInit ends subscription and tells how extensions and init stand.
func (e *Environment) closeInit(phase string, elapsedMs float64) {
	e.processes.drain()
	e.noteExtensions()
	if e.hub.Wanted() {
		e.tell(e.describeInit(phase, "success", "", elapsedMs).Record())
	}
	e.hub.Close()
}

// noteFailedInit does so for an init that has failed, before its processes are ended.
func (e *Environment) noteFailedInit(phase string, reason failure, elapsedMs float64) {
	if e.processes == nil {
		return // nothing could be started
	}
	status, errorType := "error", reason.errorType
	if reason.errorType == timedOut {
		status, errorType = "timeout", ""
	}
	report := e.describeInit(phase, status, errorType, elapsedMs)
	e.drainForTelemetry()
	if e.runtime == nil || e.runtime.state != ready {
		e.tell(report.RuntimeDone())
	}
	e.noteExtensions()
	e.tell(report.Record())
}

// noteExtensions says in log and telemetry how each extension stands.
func (e *Environment) noteExtensions() {
	for _, extension := range e.processes.registry.Members() {
		events := make([]string, 0, len(extension.Events))
		for _, event := range extension.Events {
			events = append(events, string(event))
		}
		described := logs.Extension{
			Name: extension.Name, State: string(extension.State), Events: events,
			ErrorType: extension.ErrorType,
		}
		e.writeLog(e.format.Extension(time.Now(), described))
		e.tell(described.Record())
	}
}

func (e *Environment) noteSubscription(subscription logs.Subscription) {
	e.writeLog(e.format.Subscription(time.Now(), subscription))
	e.tell(subscription.Record())
}

func (e *Environment) tellStart() {
	if e.hub.Wanted() && !e.event.startTold {
		e.event.startTold = true
		version := e.configuration.FunctionVersion
		e.tell(logs.StartRecord(e.event.RequestID, version, e.event.TraceID))
	}
}

// noteRuntimeDone is the runtime's call of next after an event; extensions may still be at work.
func (e *Environment) noteRuntimeDone() {
	if e.phase != busy {
		return
	}
	e.event.runtimeDoneAt = time.Now()
	if e.hub.Wanted() {
		e.drainForTelemetry()
		elapsed := sinceMs(e.event.started)
		e.tell(e.buildReport(e.outcome(), e.event.head.ErrorType, false, elapsed).RuntimeDone())
	}
}

// tellFailure sends all records of a failed event while its extensions can still receive them.
func (e *Environment) tellFailure(reason failure, report logs.Report) {
	if !e.hub.Wanted() {
		return
	}
	e.tellStart()
	if reason.crashed {
		e.tell(logs.FaultRecord(report.RequestID, reason.message, reason.errorType))
	}
	if e.event.runtimeDoneAt.IsZero() {
		e.tell(report.RuntimeDone())
	}
	e.tellReport(report)
}

func (e *Environment) tellReport(report logs.Report) {
	if e.hub.Wanted() {
		e.tell(logs.EndRecord(report.RequestID))
		e.tell(report.Record())
	}
}

// drainForTelemetry reads what was printed, so that it is sent before what follows.
func (e *Environment) drainForTelemetry() {
	if !e.hub.Wanted() {
		return
	}
	if e.runtime != nil {
		e.runtime.relay.Drain()
		e.runtime.output.EndLine()
	}
	if e.processes != nil {
		e.processes.drain()
	}
}

// describeRuntimePart gives the runtime's part of the event; nil where it has not begun.
func (e *Environment) describeRuntimePart() *logs.RuntimePart {
	if e.event.deliveredAt.IsZero() || !e.hub.Wanted() {
		return nil
	}
	done := e.event.runtimeDoneAt
	if done.IsZero() {
		done = time.Now()
	}
	part := &logs.RuntimePart{
		DurationMs:    float64(done.Sub(e.event.deliveredAt).Microseconds()) / 1000,
		ProducedBytes: e.event.producedBytes(),
	}
	if e.event.answeredAt.IsZero() || e.event.responseBegan.IsZero() {
		return part
	}
	part.Spans = []logs.Span{
		logs.NewSpan("responseLatency", e.event.deliveredAt, e.event.responseBegan),
		logs.NewSpan("responseDuration", e.event.responseBegan, e.event.answeredAt),
		logs.NewSpan("runtimeOverhead", e.event.answeredAt, done),
	}
	return part
}

// describeExtensionPart gives the time that extensions took after the runtime.
func (e *Environment) describeExtensionPart() []logs.Span {
	if e.event.runtimeDoneAt.IsZero() || !e.hub.Wanted() || e.processes == nil {
		return nil
	}
	for _, extension := range e.processes.registry.Members() {
		if extension.Subscribed(extensions.Invoke) {
			return []logs.Span{
				logs.NewSpan("extensionOverhead", e.event.runtimeDoneAt, time.Now()),
			}
		}
	}
	return nil
}
