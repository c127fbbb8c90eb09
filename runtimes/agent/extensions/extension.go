// Package extensions keeps who has registered with the Extensions API and what each of them is doing.
//
// Contract: pure states, no clock, no process, no lock; refusals are values with the exact types of
// spec/lambda.md, section 1.11, and the texts of the runtime interface emulator. Who starts, ends and
// answers extensions is package environment.
package extensions

import "slices"

// Event is what an extension may subscribe to.
type Event string

// The two events there are.
const (
	Invoke   Event = "INVOKE"
	Shutdown Event = "SHUTDOWN"
)

// State is the state of one extension in the words that refusals and logs use.
type State string

// The states of an extension.
const (
	Started     State = "Started" // its process runs; it has not registered
	Registered  State = "Registered"
	Ready       State = "Ready"   // waits for an event
	Running     State = "Running" // has been given an event
	InitError   State = "InitError"
	ExitError   State = "ExitError"
	LaunchError State = "LaunchError"
	// exited is named by refusals only.
	exited State = "Exited"
)

// Extension is one extension of one start of the environment.
type Extension struct {
	Name string
	// ID is what the extension is to send with each call.
	ID string
	// Internal is one that lives in the runtime's process.
	Internal  bool
	State     State
	Events    []Event
	ErrorType string
}

// Subscribed says whether the extension asked for event.
func (e *Extension) Subscribed(event Event) bool { return slices.Contains(e.Events, event) }

// Ready is a call of event/next.
func (e *Extension) Ready() *Refusal {
	if e.State != Registered && e.State != Running {
		return e.refuse(Ready, e.ID)
	}
	e.State = Ready
	return nil
}

// Give is an event handed to the extension.
func (e *Extension) Give() { e.State = Running }

// FailInit is a call of init/error; only the first counts.
func (e *Extension) FailInit(errorType string) *Refusal {
	if e.State == InitError {
		return nil
	}
	if e.State != Registered {
		return e.refuse(InitError, e.ID)
	}
	e.State, e.ErrorType = InitError, errorType
	return nil
}

// FailExit is a call of exit/error; only the first counts.
func (e *Extension) FailExit(errorType string) *Refusal {
	switch e.State {
	case ExitError:
		return nil
	case Registered, Ready, Running:
		e.State, e.ErrorType = ExitError, errorType
		return nil
	}
	return e.refuse(exited, e.ID)
}

// FailLaunch is a process that could not be started.
func (e *Extension) FailLaunch(errorType string) {
	e.State, e.ErrorType = LaunchError, errorType
}

func (e *Extension) refuse(to State, who string) *Refusal {
	return &Refusal{InvalidState, "State transition from " + string(e.State) + " to " + string(to) +
		" failed for extension " + who + ". Error: State transition is not allowed"}
}
