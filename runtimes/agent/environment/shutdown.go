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
	// flushPatience is how long subscribers may take for what was told before SHUTDOWN.
	flushPatience = 200 * time.Millisecond
)

// parting is how a generation is ended. Without extensions that is SIGKILL at once, and no SIGTERM.
type parting struct {
	generation *generation
	runtime    *runtime
	reason     string
	// budget is the time until SIGKILL for all, forRuntime that until SIGKILL for the runtime; zero
	// where no extension has registered.
	budget     time.Duration
	forRuntime time.Duration
}

// part takes the processes out of service: their calls mean nothing from now on, but for an
// extension's call of event/next. What part returns is to be carried out.
func (e *Environment) part(reason string) parting {
	e.stopFreezeTimer()
	leaving := parting{generation: e.generation, runtime: e.runtime, reason: reason}
	e.runtime = nil
	if e.generation == nil {
		return leaving
	}
	if !e.generation.ending && len(e.generation.registry.Members()) > 0 {
		leaving.budget, leaving.forRuntime = shutdownBudget, runtimeShare
		if reason == spindown && len(e.generation.external()) == 0 {
			leaving.budget, leaving.forRuntime = internalBudget, internalBudget
		}
	}
	e.generation.ending = true
	if leaving.budget > 0 && e.frozen {
		e.options.Supervisor.Thaw()
		e.frozen = false
	}
	return leaving
}

// reset ends all processes, takes over their last output, and goes on with then under the mutex.
func (e *Environment) reset(reason string, then func()) {
	leaving := e.part(reason)
	go func() {
		e.carryOut(leaving)
		e.mutex.Lock()
		defer e.mutex.Unlock()
		e.frozen = false
		if e.phase != ended {
			then()
		}
	}()
}

// carryOut returns when no process is left and all that they printed is in the log.
func (e *Environment) carryOut(leaving parting) {
	if leaving.budget > 0 {
		deadline := time.Now().Add(leaving.budget)
		e.terminateRuntime(leaving)
		leaving.generation.drain()
		e.hub.Flush(flushPatience)
		e.shutExtensionsDown(leaving, deadline)
	}
	if !e.options.Supervisor.KillAll() {
		e.options.Log("some processes of the function cannot be killed")
	}
	e.bury(leaving)
}

// terminateRuntime gives the runtime a SIGTERM and a part of the time.
func (e *Environment) terminateRuntime(leaving parting) {
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
func (e *Environment) shutExtensionsDown(leaving parting, deadline time.Time) {
	subscribed := e.sendFarewell(leaving, deadline)
	late := time.After(time.Until(deadline))
	for _, member := range subscribed {
		select {
		case <-member.gone:
		case <-late:
			return
		}
	}
}

func (e *Environment) sendFarewell(leaving parting, deadline time.Time) []*member {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	generation := leaving.generation
	generation.farewell, _ = json.Marshal(struct {
		EventType      string `json:"eventType"`
		ShutdownReason string `json:"shutdownReason"`
		DeadlineMs     int64  `json:"deadlineMs"`
	}{string(extensions.Shutdown), leaving.reason, deadline.UnixMilli()})
	var subscribed []*member
	for _, member := range generation.external() {
		if !member.Subscribed(extensions.Shutdown) {
			e.options.Supervisor.Signal(member.pid, syscall.SIGKILL)
			continue
		}
		subscribed = append(subscribed, member)
		member.give(generation.farewell)
	}
	return subscribed
}

// bury forgets a generation of which nothing is left but its output.
func (e *Environment) bury(leaving parting) {
	if runtime := leaving.runtime; runtime != nil {
		runtime.relay.Drain()
		runtime.relay.Close()
	}
	if leaving.generation != nil {
		leaving.generation.drain()
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if leaving.runtime != nil {
		leaving.runtime.supersede(nil)
	}
	if leaving.generation == nil || e.generation != leaving.generation {
		return
	}
	for _, member := range leaving.generation.members {
		if member.relay != nil {
			member.relay.Close()
		}
		if member.waiter != nil {
			close(member.waiter)
			member.waiter = nil
		}
	}
	e.generation = nil
	e.hub.Clear()
}
