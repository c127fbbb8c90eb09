package environment

import (
	"time"

	"kubelambda.io/agent/link"
	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/runtimeapi"
	"kubelambda.io/agent/supervise"
)

// afterInitError is how long a runtime that has posted an init error may take to exit.
const afterInitError = time.Second

// initTimeout and eventTimeout hold where the gateway names none.
const (
	initTimeout  = 10 * time.Second
	eventTimeout = 3 * time.Second
)

// initRecord is what is known of init.
type initRecord struct {
	timer *time.Timer
	// pendingMs is the duration of init until the first event reports it.
	pendingMs *float64
}

// Configure makes the environment a function's: code is unpacked, then the runtime started.
func (e *Environment) Configure(configuration link.Configuration) error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.phase != unconfigured {
		return link.Violation("configure comes once in the life of an agent")
	}
	e.configuration = &configuration
	e.phase = preparing
	e.logStream = newLogStream(time.Now(), configuration)
	level := logs.ParseLevel(configuration.SystemLogLevel)
	e.format = logs.NewFormat(configuration.LogFormat, configuration.FunctionVersion, level)
	applicationLevel := configuration.Environment["AWS_LAMBDA_LOG_LEVEL"]
	e.options.Sink.SetFilter(logs.NewApplicationFilter(configuration.LogFormat, applicationLevel))
	if configuration.Code.Directory != "" && !e.options.IsMounted {
		e.taskRoot = configuration.Code.Directory
	}
	go e.prepare(configuration.Layers, configuration.Code)
	return nil
}

func (e *Environment) beginInit() {
	problem := e.startProcesses("init")
	limit := milliseconds(e.configuration.InitTimeoutMs, initTimeout)
	processes := e.processes
	e.init.timer = time.AfterFunc(limit, func() { e.initTimedOut(processes) })
	if problem != nil {
		e.failCurrentPhase(*problem)
	}
}

// endInit: the runtime and all extensions have asked for their first event, outside of one.
func (e *Environment) endInit() {
	e.init.timer.Stop()
	elapsed := sinceMs(e.processes.started)
	e.init.pendingMs = &elapsed
	e.closeInit("init", elapsed)
	e.reportInit("init", "success", "", elapsed)
	e.phase = idle
	if e.conn != nil {
		e.conn.InitDone(elapsed)
	}
	e.startFreezeTimer()
}

func (e *Environment) initTimedOut(processes *processSet) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.phase != initialising || e.processes != processes || processes.ending {
		return
	}
	reason := failure{errorType: timedOut}
	if e.runtime != nil && e.runtime.initError != nil {
		reason = posted(*e.runtime.initError)
	}
	e.abortInit(reason)
}

// abortInit ends what has been started.
func (e *Environment) abortInit(reason failure) {
	e.init.timer.Stop()
	elapsed := sinceMs(e.processes.started)
	e.noteFailedInit("init", reason, elapsed)
	e.reset(reason.shutdownReason(), func() { e.failInit(reason, elapsed) })
}

// failInit reports a failed init; the next event tries again, within its own time.
func (e *Environment) failInit(reason failure, elapsedMs float64) {
	e.reportFailedInit("init", reason, elapsedMs)
	e.phase = idle
	if e.conn != nil {
		e.conn.InitError(reason.errorType, elapsedMs)
	}
	if e.leaving {
		e.end()
	}
}

func (e *Environment) reportFailedInit(phase string, reason failure, elapsedMs float64) {
	if reason.errorType == timedOut {
		e.reportInit(phase, "timeout", "", elapsedMs)
		return
	}
	e.reportInit(phase, "error", reason.errorType, elapsedMs)
}

func (e *Environment) reportInit(phase, status, errorType string, elapsedMs float64) {
	report := e.describeInit(phase, status, errorType, elapsedMs)
	e.writeLog(e.format.InitReport(time.Now(), report))
}

func (e *Environment) describeInit(
	phase, status, errorType string, elapsedMs float64,
) logs.InitReport {
	return logs.InitReport{
		InitializationType: e.configuration.InitializationType,
		Phase:              phase,
		Status:             status,
		ErrorType:          errorType,
		DurationMs:         elapsedMs,
	}
}

func (e *Environment) describeStart(phase string) logs.InitStart {
	return logs.InitStart{
		InitializationType: e.configuration.InitializationType,
		Phase:              phase,
		RuntimeVersion:     e.configuration.RuntimeVersion,
		RuntimeVersionARN:  e.configuration.RuntimeVersionARN,
		FunctionName:       e.configuration.FunctionName,
		FunctionVersion:    e.configuration.FunctionVersion,
		InstanceID:         e.logStream,
		InstanceMaxMemory:  int64(e.configuration.MemorySizeMB) << 20,
	}
}

// InitError keeps what the runtime posts; its exit, which follows, ends the init.
func (e *Environment) InitError(reported runtimeapi.Failure) runtimeapi.Reply {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.runtime == nil || e.runtime.state != started {
		return e.refuseTransition(initFailed)
	}
	e.runtime.state = initFailed
	e.runtime.initError = &reported
	runtime := e.runtime
	time.AfterFunc(afterInitError, func() { e.giveUpOnInit(runtime) })
	return runtimeapi.Accepted()
}

// giveUpOnInit ends a runtime that has posted an init error and stays.
func (e *Environment) giveUpOnInit(runtime *runtime) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.handleRuntimeEnd(runtime, supervise.Status(0))
}

// runtimeExited is the end of the runtime process.
func (e *Environment) runtimeExited(runtime *runtime, status supervise.Status) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	close(runtime.gone)
	e.handleRuntimeEnd(runtime, status)
}

// handleRuntimeEnd handles the end of the runtime, in whatever it was doing.
func (e *Environment) handleRuntimeEnd(runtime *runtime, status supervise.Status) {
	if e.runtime != runtime {
		return
	}
	reason := exited(status.Reason())
	switch {
	case runtime.initError != nil:
		reason = posted(*runtime.initError)
	case e.processes.fatal != "":
		reason.errorType = e.processes.fatal
	}
	e.failCurrentPhase(reason)
}

// failCurrentPhase ends init, the event in flight or an idle environment's processes.
func (e *Environment) failCurrentPhase(reason failure) {
	switch e.phase {
	case initialising:
		e.abortInit(reason)
	case busy:
		e.failEvent(reason)
	case idle:
		e.exitedWhileIdle()
	}
}

// exitedWhileIdle ends what is left; the next event starts another process set.
func (e *Environment) exitedWhileIdle() {
	e.cleaning = true
	e.reset(afterFailure, e.endCleaning)
}

func milliseconds(count int64, otherwise time.Duration) time.Duration {
	if count <= 0 {
		return otherwise
	}
	return time.Duration(count) * time.Millisecond
}

func sinceMs(start time.Time) float64 {
	return float64(time.Since(start).Microseconds()) / 1000
}
