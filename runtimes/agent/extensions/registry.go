package extensions

import (
	"fmt"
	"strings"
)

// Max is how many extensions an environment may have, external and internal together.
const Max = 10

// Registry is all extensions of one start of the environment.
type Registry struct {
	members []*Extension
	closed  bool
}

// Expect announces an external extension, whose process is about to be started; false when it is one
// too many.
func (r *Registry) Expect(name, id string) (*Extension, bool) {
	extension := &Extension{Name: name, ID: id, State: Started}
	r.members = append(r.members, extension)
	return extension, len(r.members) <= Max
}

// Register is a call of register. A name that was not expected is an internal extension's; id is the
// one that it would get.
func (r *Registry) Register(name string, events []Event, id string) (*Extension, *Refusal) {
	if name == "" {
		return nil, &Refusal{InvalidName, "Empty extension name"}
	}
	extension := r.external(name)
	if refusal := checkEvents(events, extension == nil); refusal != nil {
		return nil, refusal
	}
	if extension == nil {
		return r.registerInternal(name, events, id)
	}
	if extension.State != Started {
		return nil, extension.refuse(Registered, name)
	}
	extension.register(events)
	return extension, nil
}

func (r *Registry) registerInternal(name string, events []Event, id string) (*Extension, *Refusal) {
	switch {
	case r.closed:
		return nil, &Refusal{RegistrationClosed, "Extension registration closed already"}
	case len(r.members) >= Max:
		return nil, &Refusal{TooManyExtensions, fmt.Sprintf("Extension limit (%d) reached", Max)}
	}
	for _, member := range r.members {
		if member.Name == name {
			return nil, &Refusal{InvalidState, "Extension with this name already registered"}
		}
	}
	extension := &Extension{Name: name, ID: id, Internal: true}
	extension.register(events)
	r.members = append(r.members, extension)
	return extension, nil
}

func (e *Extension) register(events []Event) {
	e.State = Registered
	for _, event := range []Event{Invoke, Shutdown} { // in this order, each once
		for _, wanted := range events {
			if wanted == event && !e.Subscribed(event) {
				e.Events = append(e.Events, event)
			}
		}
	}
}

func checkEvents(events []Event, internal bool) *Refusal {
	for _, event := range events {
		problem := ""
		switch {
		case event == Shutdown && internal:
			problem = "ShutdownEventNotSupportedForInternalExtension"
		case event != Invoke && event != Shutdown:
			problem = "ErrorInvalidEventType"
		default:
			continue
		}
		return &Refusal{InvalidEventType, string(event) + ": " + problem}
	}
	return nil
}

func (r *Registry) external(name string) *Extension {
	for _, member := range r.members {
		if member.Name == name && !member.Internal {
			return member
		}
	}
	return nil
}

// Find gives the extension of an identifier; nil where there is none.
func (r *Registry) Find(id string) *Extension {
	for _, member := range r.members {
		if strings.EqualFold(member.ID, id) {
			return member
		}
	}
	return nil
}

// Members gives all extensions in the order in which they came.
func (r *Registry) Members() []*Extension { return r.members }

// Close ends registration: the runtime has asked for its first event.
func (r *Registry) Close() { r.closed = true }

// Complete says whether every external extension has registered, so that the runtime may start.
func (r *Registry) Complete() bool {
	return r.all(func(e *Extension) bool { return e.State != Started })
}

// Settled says whether every extension has asked for an event: their part of init is over.
func (r *Registry) Settled() bool {
	return r.all(func(e *Extension) bool { return e.State == Ready })
}

// Idle says whether no extension is working on an INVOKE.
func (r *Registry) Idle() bool {
	return r.all(func(e *Extension) bool { return e.State == Ready || !e.Subscribed(Invoke) })
}

func (r *Registry) all(holds func(*Extension) bool) bool {
	for _, member := range r.members {
		if !holds(member) {
			return false
		}
	}
	return true
}
