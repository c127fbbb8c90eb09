package environment

import (
	"context"
	"sync"
	"time"

	"kubelambda.io/agent/link"
	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/telemetry"
)

// phase is what the environment as a whole is doing.
type phase int

const (
	unconfigured phase = iota
	preparing          // code is being unpacked
	initialising       // the runtime was started and has not asked for an event
	idle               // waits for an event; the runtime may have ended, then the event starts it
	busy               // an event is in flight
	resetting          // the event has failed; processes are being ended
	ended
)

// closePatience is how long an environment that ends waits for the link to be read, and for the log.
const closePatience = time.Second

// keepResult is how long the result of an event waits for a gateway that asks for it again.
const keepResult = 60 * time.Second

// Environment is one execution environment; it implements link.Handler and runtimeapi.Environment.
type Environment struct {
	options Options

	mutex         sync.Mutex
	phase         phase
	configuration *link.Configuration
	taskRoot      string
	logStream     string
	format        logs.Format
	runtimeAPI    string
	conn          *link.Conn
	runtime       *runtime
	processes     *processSet
	hub           telemetry.Hub
	event         *event
	kept          *event
	keepTimer     *time.Timer
	init          initRecord
	codeFailure   *codeFailure
	memory        memoryRecord
	movedBytes    int  // bodies that went through since memory was last given back
	cleaning      bool // the runtime ended while idle; its descendants are being killed
	frozen        bool
	freezeTimer   *time.Timer
	leaving       bool
	abandoned     *link.Conn
	over          context.Context
	setOver       context.CancelFunc
	endOnce       sync.Once
}

// New gives an environment that waits for configure.
func New(options Options) *Environment {
	over, setOver := context.WithCancel(context.Background())
	return &Environment{
		options: options, taskRoot: options.TaskRoot, over: over, setOver: setOver,
	}
}

// Context is cancelled when the environment ends.
func (e *Environment) Context() context.Context { return e.over }

// ServeAt tells the address of the Runtime API, before the link begins.
func (e *Environment) ServeAt(address string) { e.runtimeAPI = address }

// Status says for hello what the environment is doing.
func (e *Environment) Status() link.Status {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	switch e.phase {
	case unconfigured:
		return link.Status{State: link.Unconfigured}
	case preparing, initialising:
		return link.Status{State: link.Starting}
	case busy, resetting:
		remaining := max(0, time.Until(e.event.deadline).Milliseconds())
		return link.Status{
			State: link.StateBusy, RequestID: e.event.RequestID, RemainingMs: remaining,
		}
	}
	status := link.Status{State: link.StateIdle}
	if e.kept != nil {
		status.RequestID = e.kept.RequestID
	}
	return status
}

// Attached takes the connection that everything is said on from now on.
func (e *Environment) Attached(conn *link.Conn) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.phase == ended {
		conn.Finish()
		return
	}
	e.conn = conn
	if e.leaving {
		conn.Leave()
	}
}

// Detached forgets a connection that has ended; an event in flight goes on.
func (e *Environment) Detached(conn *link.Conn) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.conn == conn {
		e.conn = nil
	}
	if e.phase == ended {
		e.setOver() // extensions may still have time; nobody is dialled any more
	}
	if e.leaving && e.mayEnd() {
		e.end()
	}
}

// Rests says that nothing of the environment has anything to do or to say: no event, no extensions.
func (e *Environment) Rests() bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.phase == idle && !e.cleaning && e.runtime != nil && len(e.processes.registry.Members()) == 0
}

// Abandon closes conn after the event in flight.
func (e *Environment) Abandon(conn *link.Conn) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.phase == busy || e.phase == resetting {
		e.abandoned = conn
		return
	}
	conn.Finish()
}

// Leave ends the environment: now, or after the event in flight.
func (e *Environment) Leave(now bool, reason string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.options.Log("the gateway ends this environment: %s", cut(reason))
	e.leaving = true
	if now || e.mayEnd() {
		e.end()
	}
}

// Drain says to the gateway that this environment is going, and ends it after the event in flight
// once the gateway agrees; without a gateway, or without an answer, that is not waited for long.
func (e *Environment) Drain(patience time.Duration) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.leaving {
		return
	}
	e.leaving = true
	if e.conn == nil && e.mayEnd() {
		e.end()
		return
	}
	if e.conn != nil {
		e.conn.Leave()
	}
	time.AfterFunc(patience, e.endIfIdle)
}

func (e *Environment) endIfIdle() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.mayEnd() {
		e.end()
	}
}

// End ends the environment now, without a word to its processes.
func (e *Environment) End() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.processes != nil {
		e.processes.ending = true
	}
	e.end()
}

func (e *Environment) mayEnd() bool { return e.phase != busy && e.phase != resetting }

// end ends the processes, as shutdown.go says, and then the agent.
func (e *Environment) end() {
	e.phase = ended
	conn := e.conn
	e.endOnce.Do(func() {
		leaving := e.beginTeardown(spindown)
		if conn == nil {
			e.setOver()
		}
		go e.finish(conn, leaving)
	})
}

// finish sends what is queued on conn, where there is one, and writes the rest of the log.
func (e *Environment) finish(conn *link.Conn, leaving teardown) {
	e.finishTeardown(leaving)
	e.setOver()
	if conn != nil {
		conn.Finish()
		select {
		case <-conn.Done():
		case <-time.After(closePatience):
		}
	}
	e.options.Sink.Flush(closePatience)
	e.options.Ended()
}

func (e *Environment) writeLog(lines string) {
	if lines != "" {
		e.options.Sink.System(lines)
	}
}

func cut(text string) string {
	if len(text) > 80 {
		return text[:80]
	}
	return text
}
