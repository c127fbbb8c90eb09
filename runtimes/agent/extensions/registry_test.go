package extensions

import (
	"fmt"
	"strings"
	"testing"
)

const unknownID = "00000000-0000-4000-8000-000000000000"

func identifier(number int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", number) }

func expectRefusal(t *testing.T, refusal *Refusal, kind, message string) {
	t.Helper()
	if refusal == nil || refusal.Type != kind || refusal.Message != message {
		t.Errorf("got %+v, wanted %s: %s", refusal, kind, message)
	}
}

func registered(t *testing.T, events ...Event) (*Registry, *Extension) {
	t.Helper()
	registry := &Registry{}
	registry.Expect("agent.sh", identifier(1))
	extension, refusal := registry.Register("agent.sh", events, "")
	if refusal != nil {
		t.Fatal(refusal)
	}
	return registry, extension
}

func TestAnIdentifierIsCheckedBeforeItIsLookedFor(t *testing.T) {
	expectRefusal(t, CheckIdentifier(""), MissingIdentifier, "Missing Lambda-Extension-Identifier header")
	for _, wrong := range []string{"x", strings.Repeat("0", 36), unknownID + "0", "0000000g" + unknownID[8:]} {
		expectRefusal(t, CheckIdentifier(wrong), InvalidIdentifier, "Invalid Lambda-Extension-Identifier")
	}
	if refusal := CheckIdentifier(unknownID); refusal != nil {
		t.Error(refusal)
	}
	if (&Registry{}).Find(unknownID) != nil {
		t.Error("somebody was found")
	}
}

func TestAnEmptyNameIsInvalid(t *testing.T) {
	_, refusal := (&Registry{}).Register("", nil, identifier(1))
	expectRefusal(t, refusal, InvalidName, "Empty extension name")
}

func TestOnlyInvokeAndShutdownAreEvents(t *testing.T) {
	registry := &Registry{}
	registry.Expect("external", identifier(1))
	for _, name := range []string{"external", "internal"} {
		_, refusal := registry.Register(name, []Event{Invoke, "START"}, identifier(2))
		expectRefusal(t, refusal, InvalidEventType, "START: ErrorInvalidEventType")
	}
}

func TestInternalExtensionsCannotSubscribeToShutdown(t *testing.T) {
	_, refusal := (&Registry{}).Register("internal", []Event{Shutdown}, identifier(1))
	expectRefusal(t, refusal, InvalidEventType, "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension")
}

func TestANameRegistersOnce(t *testing.T) {
	registry, _ := registered(t, Invoke)
	_, refusal := registry.Register("agent.sh", nil, "")
	expectRefusal(t, refusal, InvalidState, "State transition from Registered to Registered failed for "+
		"extension agent.sh. Error: State transition is not allowed")
	if _, refusal = registry.Register("internal", nil, identifier(2)); refusal != nil {
		t.Fatal(refusal)
	}
	_, refusal = registry.Register("internal", nil, identifier(3))
	expectRefusal(t, refusal, InvalidState, "Extension with this name already registered")
}

func TestRegistrationClosesForUnknownNames(t *testing.T) {
	registry := &Registry{}
	registry.Close()
	_, refusal := registry.Register("late", nil, identifier(1))
	expectRefusal(t, refusal, RegistrationClosed, "Extension registration closed already")
}

func TestThereAreTenExtensionsAtMost(t *testing.T) {
	registry := &Registry{}
	for number := range Max {
		if _, fits := registry.Expect(fmt.Sprint("external-", number), identifier(number)); !fits {
			t.Fatalf("number %d does not fit", number)
		}
	}
	_, refusal := registry.Register("internal", nil, identifier(20))
	expectRefusal(t, refusal, TooManyExtensions, "Extension limit (10) reached")
	if _, fits := registry.Expect("one more", identifier(21)); fits {
		t.Error("an eleventh fits")
	}
}

func TestEventsAreKeptOnceAndInOrder(t *testing.T) {
	_, extension := registered(t, Shutdown, Invoke, Shutdown)
	if got := fmt.Sprint(extension.Events); got != "[INVOKE SHUTDOWN]" {
		t.Errorf("got %s", got)
	}
}

func TestTheRuntimeWaitsForExternalExtensionsToRegister(t *testing.T) {
	registry := &Registry{}
	registry.Expect("a", identifier(1))
	registry.Expect("b", identifier(2))
	for _, step := range []struct {
		name     string
		complete bool
	}{{"a", false}, {"b", true}} {
		_, _ = registry.Register(step.name, nil, "")
		if registry.Complete() != step.complete {
			t.Errorf("after %s: %v", step.name, registry.Complete())
		}
	}
}

func TestInitAndEventsAreOverWhenAllHaveAskedForTheNext(t *testing.T) {
	registry, subscriber := registered(t, Invoke)
	quiet, _ := registry.Register("quiet", nil, identifier(2))
	_ = subscriber.Ready()
	if registry.Settled() {
		t.Error("settled without an internal extension that has not called next")
	}
	_ = quiet.Ready()
	if !registry.Settled() || !registry.Idle() {
		t.Error("not settled")
	}
	subscriber.Give()
	if registry.Idle() {
		t.Error("idle while a subscriber works")
	}
	_ = subscriber.Ready()
	if !registry.Idle() {
		t.Error("not idle though the subscriber has come back")
	}
}

func TestCallsOutOfTurnAreRefused(t *testing.T) {
	text := func(from, to State) string {
		return fmt.Sprintf("State transition from %s to %s failed for extension %s. Error: "+
			"State transition is not allowed", from, to, identifier(1))
	}
	for _, row := range []struct {
		from State
		call func(*Extension) *Refusal
		to   State
	}{
		{Started, (*Extension).Ready, Ready},
		{Ready, (*Extension).Ready, Ready},
		{InitError, (*Extension).Ready, Ready},
		{ExitError, (*Extension).Ready, Ready},
		{Started, func(e *Extension) *Refusal { return e.FailInit("x") }, InitError},
		{Ready, func(e *Extension) *Refusal { return e.FailInit("x") }, InitError},
		{Running, func(e *Extension) *Refusal { return e.FailInit("x") }, InitError},
		{Started, func(e *Extension) *Refusal { return e.FailExit("x") }, exited},
		{InitError, func(e *Extension) *Refusal { return e.FailExit("x") }, exited},
	} {
		extension := &Extension{ID: identifier(1), State: row.from}
		expectRefusal(t, row.call(extension), InvalidState, text(row.from, row.to))
		if extension.State != row.from {
			t.Errorf("%s became %s", row.from, extension.State)
		}
	}
}

func TestOnlyTheFirstErrorCounts(t *testing.T) {
	_, extension := registered(t)
	_ = extension.FailInit("Extension.First")
	if refusal := extension.FailInit("Extension.Second"); refusal != nil || extension.ErrorType != "Extension.First" {
		t.Errorf("got %v, %s", refusal, extension.ErrorType)
	}
	_, extension = registered(t)
	_ = extension.FailExit("Extension.First")
	if refusal := extension.FailExit("Extension.Second"); refusal != nil || extension.ErrorType != "Extension.First" {
		t.Errorf("got %v, %s", refusal, extension.ErrorType)
	}
}
