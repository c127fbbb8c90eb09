package environment

import (
	"encoding/json"
	"syscall"
	"time"

	"kubelambda.io/agent/extensions"
)

// Reasons of a SHUTDOWN event.
const (
	spindown     = "spindown"
	afterTimeout = "timeout"
	afterFailure = "failure"
)

// Times of spec/lambda.md, section 9.3.
const (
	shutdownBudget = 2 * time.Second
	// internalBudget is the runtime's where it alone has registered extensions.
	internalBudget = 500 * time.Millisecond
	// runtimeShare is the runtime's part of the whole.
	runtimeShare = 600 * time.Millisecond
	// flushPatience is how long subscribers to telemetry may take for the events before SHUTDOWN.
	flushPatience = 200 * time.Millisecond
)

// teardown says how a process set is ended. Without extensions that is SIGKILL at once, and no SIGTERM.
type teardown struct {
	processes *processSet
	runtime   *runtime
	reason    string
	// budget is the time until all are killed, forRuntime the time until the runtime is; both are zero
	// where no extension has registered.
	budget     time.Duration
	forRuntime time.Duration
}

// beginTeardown takes the processes out of service: their calls are ignored from now on, except for an
// extension's call of event/next. The caller passes what it returns to finishTeardown.
func (e *Environment) beginTeardown(reason string) teardown {
	e.stopFreezeTimer()
	leaving := teardown{processes: e.processes, runtime: e.runtime, reason: reason}
	e.runtime = nil
	if e.processes == nil {
		return leaving
	}
	if !e.processes.ending && len(e.processes.registry.Members()) > 0 {
		leaving.budget, leaving.forRuntime = shutdownBudget, runtimeShare
		if reason == spindown && len(e.processes.external()) == 0 {
			leaving.budget, leaving.forRuntime = internalBudget, internalBudget
		}
	}
	e.processes.ending = true
	if leaving.budget > 0 && e.frozen {
		e.options.Supervisor.Thaw()
		e.frozen = false
	}
	return leaving
}

// reset ends all processes, reads what they have printed last, and then calls then with the mutex held.
func (e *Environment) reset(reason string, then func()) {
	leaving := e.beginTeardown(reason)
	go func() {
		e.finishTeardown(leaving)
		e.mutex.Lock()
		defer e.mutex.Unlock()
		e.frozen = false
		if e.phase != ended {
			then()
		}
	}()
}

// finishTeardown ends the processes. It returns when none is left and all that they printed is in the log.
func (e *Environment) finishTeardown(leaving teardown) {
	if leaving.budget > 0 {
		deadline := time.Now().Add(leaving.budget)
		e.terminateRuntime(leaving)
		leaving.processes.drain()
		e.hub.Flush(flushPatience)
		e.shutExtensionsDown(leaving, deadline)
	}
	if !e.options.Supervisor.KillAll() {
		e.options.Log("some processes of the function cannot be killed")
	}
	e.forgetProcesses(leaving)
}

// terminateRuntime sends the runtime SIGTERM, and SIGKILL when its share of the time is over.
func (e *Environment) terminateRuntime(leaving teardown) {
	runtime := leaving.runtime
	if runtime == nil {
		return
	}
	e.options.Supervisor.Signal(runtime.pid, syscall.SIGTERM)
	select {
	case <-runtime.gone:
	case <-time.After(leaving.forRuntime):
		e.options.Supervisor.Signal(runtime.pid, syscall.SIGKILL)
	}
	runtime.relay.Drain()
	runtime.output.EndLine()
}

// shutExtensionsDown sends SHUTDOWN to those that subscribed and waits for their ends; the others are
// killed.
func (e *Environment) shutExtensionsDown(leaving teardown, deadline time.Time) {
	subscribed := e.sendShutdown(leaving, deadline)
	late := time.After(time.Until(deadline))
	for _, member := range subscribed {
		select {
		case <-member.gone:
		case <-late:
			return
		}
	}
}

func (e *Environment) sendShutdown(leaving teardown, deadline time.Time) []*member {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	processes := leaving.processes
	processes.shutdownEvent, _ = json.Marshal(struct {
		EventType      string `json:"eventType"`
		ShutdownReason string `json:"shutdownReason"`
		DeadlineMs     int64  `json:"deadlineMs"`
	}{string(extensions.Shutdown), leaving.reason, deadline.UnixMilli()})
	var subscribed []*member
	for _, member := range processes.external() {
		if !member.Subscribed(extensions.Shutdown) {
			e.options.Supervisor.Signal(member.pid, syscall.SIGKILL)
			continue
		}
		subscribed = append(subscribed, member)
		member.give(processes.shutdownEvent)
	}
	return subscribed
}

// forgetProcesses removes a process set whose processes have all ended.
func (e *Environment) forgetProcesses(leaving teardown) {
	if runtime := leaving.runtime; runtime != nil {
		runtime.relay.Drain()
		runtime.relay.Close()
	}
	if leaving.processes != nil {
		leaving.processes.drain()
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if leaving.runtime != nil {
		leaving.runtime.endWaits()
	}
	if leaving.processes == nil || e.processes != leaving.processes {
		return
	}
	for _, member := range leaving.processes.members {
		if member.relay != nil {
			member.relay.Close()
		}
		if member.waiter != nil {
			close(member.waiter)
			member.waiter = nil
		}
	}
	e.processes = nil
	e.hub.Clear()
}
