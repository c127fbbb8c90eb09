package environment

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"kubelambda.io/agent/extensions"
	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/runtimeapi"
	"kubelambda.io/agent/telemetry"
)

// registration is what an extension learns of its function.
type registration struct {
	FunctionName    string `json:"functionName"`
	FunctionVersion string `json:"functionVersion"`
	Handler         string `json:"handler"`
	AccountID       string `json:"accountId,omitempty"`
}

// RegisterExtension takes a call of register; with the last one that was missing the runtime starts.
func (e *Environment) RegisterExtension(
	name string, events []extensions.Event, withAccount bool,
) runtimeapi.Reply {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.processes == nil || e.processes.ending {
		return runtimeapi.RefusedExtension(extensions.Refusal{
			Type: extensions.RegistrationClosed, Message: "Extension registration closed already",
		})
	}
	extension, refusal := e.processes.registry.Register(name, events, newIdentifier())
	if refusal != nil {
		return runtimeapi.RefusedExtension(*refusal)
	}
	if extension.Internal {
		e.processes.members[extension] = &member{Extension: extension}
	} else if problem := e.startRuntimeWhenComplete(); problem != nil {
		e.failCurrentPhase(*problem)
	}
	body := registration{
		FunctionName:    e.configuration.FunctionName,
		FunctionVersion: e.configuration.FunctionVersion,
		Handler:         e.configuration.Handler,
	}
	if withAccount {
		body.AccountID = accountOf(e.configuration.InvokedARN)
	}
	return runtimeapi.JSON(body, [2]string{"Lambda-Extension-Identifier", extension.ID})
}

// accountOf gives the account's id in arn:aws:lambda:<region>:<account>:function:<name>.
func accountOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// NextExtensionEvent waits for an event; the first call ends the extension's init, a later one its
// work on the event before.
func (e *Environment) NextExtensionEvent(identifier string) (runtimeapi.Reply, bool) {
	waiter, refusal := e.askForExtension(identifier)
	if refusal != nil {
		return runtimeapi.RefusedExtension(*refusal), true
	}
	event, more := <-waiter
	header := [2]string{"Lambda-Extension-Event-Identifier", newIdentifier()}
	return runtimeapi.JSON(json.RawMessage(event), header), more
}

func (e *Environment) askForExtension(identifier string) (chan []byte, *extensions.Refusal) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	member, refusal := e.findMember(identifier)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := member.Ready(); refusal != nil {
		return nil, refusal
	}
	waiter := make(chan []byte, 1)
	member.waiter = waiter
	if e.processes.shutdownEvent != nil && member.Subscribed(extensions.Shutdown) {
		member.give(e.processes.shutdownEvent)
	}
	e.proceed()
	return waiter, nil
}

func (e *Environment) findMember(identifier string) (*member, *extensions.Refusal) {
	if e.processes != nil {
		if extension := e.processes.registry.Find(identifier); extension != nil {
			return e.processes.members[extension], nil
		}
	}
	message := "Unknown extension " + identifier
	return nil, &extensions.Refusal{Type: extensions.UnknownIdentifier, Message: message}
}

// give hands an event to the call that waits for it; without one the extension is still at work.
func (m *member) give(event []byte) {
	if m.waiter != nil {
		m.Give()
		m.waiter <- event
		m.waiter = nil
	}
}

// giveInvoke tells the subscribers of the event in flight, without its payload.
func (e *Environment) giveInvoke() {
	var invoke []byte
	for _, member := range e.processes.members {
		if !member.Subscribed(extensions.Invoke) {
			continue
		}
		if invoke == nil {
			invoke = e.describeInvoke()
		}
		member.give(invoke)
	}
}

type traceContext struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (e *Environment) describeInvoke() []byte {
	event, _ := json.Marshal(struct {
		EventType          string       `json:"eventType"`
		DeadlineMs         int64        `json:"deadlineMs"`
		RequestID          string       `json:"requestId"`
		InvokedFunctionARN string       `json:"invokedFunctionArn"`
		Tracing            traceContext `json:"tracing"`
	}{
		string(extensions.Invoke), e.event.DeadlineMs, e.event.RequestID, e.event.InvokedARN,
		traceContext{"X-Amzn-Trace-Id", e.event.TraceID},
	})
	return event
}

// FailExtension takes init/error and exit/error. The extension's exit, which follows, ends the
// process set; one that stays is ended with it.
func (e *Environment) FailExtension(identifier, errorType string, exiting bool) runtimeapi.Reply {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	member, refusal := e.findMember(identifier)
	if refusal != nil {
		refusal.Message = "Unknown Lambda-Extension-Identifier"
		return runtimeapi.RefusedExtension(*refusal)
	}
	fail, kind := member.FailInit, extensions.InitErrorReported
	if exiting {
		fail, kind = member.FailExit, extensions.ExitErrorReported
	}
	if refusal := fail(errorType); refusal != nil {
		return runtimeapi.RefusedExtension(*refusal)
	}
	processes := e.processes
	runtimeFailed := e.runtime != nil && e.runtime.initError != nil
	if processes.fatal == "" && !runtimeFailed {
		processes.fatal = kind
		reason := failure{errorType: kind, message: "extension " + member.Name + " reported " + errorType, crashed: true}
		time.AfterFunc(afterInitError, func() { e.giveUpOnExtension(processes, reason) })
	}
	return runtimeapi.Accepted()
}

func (e *Environment) giveUpOnExtension(processes *processSet, reason failure) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.processes == processes && !processes.ending {
		e.failCurrentPhase(reason)
	}
}

// Subscribe takes a subscription of an extension to telemetry.
func (e *Environment) Subscribe(
	identifier string, api telemetry.API, body []byte,
) runtimeapi.Reply {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	member, refusal := e.findMember(identifier)
	if refusal != nil {
		return runtimeapi.RefusedExtension(*refusal)
	}
	subscription, err := telemetry.Parse(api, body)
	if err != nil {
		return invalidSubscription(api, err)
	}
	fresh, err := e.hub.Subscribe(member.Name, subscription)
	switch {
	case errors.Is(err, telemetry.ErrClosed):
		return subscriptionClosed(api)
	case err != nil:
		return invalidSubscription(api, err)
	case fresh:
		e.noteSubscription(logs.Subscription{
			API: string(api), Name: member.Name, State: "Subscribed", Types: slices.Clone(subscription.Types),
		})
	}
	return runtimeapi.Text("OK")
}

func invalidSubscription(api telemetry.API, err error) runtimeapi.Reply {
	if api == telemetry.LogsAPI {
		return runtimeapi.Refusal(400, "Logs.ValidationError", err.Error())
	}
	return runtimeapi.Refusal(400, "ValidationError", err.Error())
}

func subscriptionClosed(api telemetry.API) runtimeapi.Reply {
	if api == telemetry.LogsAPI {
		return runtimeapi.Refusal(403, "Logs.SubscriptionClosed",
			"Logs API subscription is closed already")
	}
	return runtimeapi.Refusal(403, "Telemetry.SubscriptionClosed",
		"Telemetry API subscription is closed already")
}
