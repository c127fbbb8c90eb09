package environment

import (
	"os"
	"path/filepath"
	"strings"

	"kubelambda.io/agent/link"
	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/runtimeapi"
	"kubelambda.io/agent/supervise"
	"kubelambda.io/agent/telemetry"
)

// runtimeState is the state of the runtime in the words that its refusals use.
type runtimeState string

const (
	started                 runtimeState = "Started"
	initFailed              runtimeState = "InitError"
	ready                   runtimeState = "Ready"
	running                 runtimeState = "Running"
	invocationResponse      runtimeState = "InvocationResponse"
	invocationErrorResponse runtimeState = "InvocationErrorResponse"
	responseSent            runtimeState = "RuntimeResponseSentState"
)

const bootstrapName = "bootstrap"

// runtime is one start of the function's process.
type runtime struct {
	state runtimeState
	relay *logs.Relay
	// waiters are the calls of next; the runtime makes one, and others are anybody's of the function.
	waiters []chan link.Event
	// initError is what the process posted to init/error.
	initError *runtimeapi.Failure
	pid       int
	output    *telemetry.Output
	// answered is closed when the event that it was given has its answer.
	answered chan struct{}
	// gone is closed when the process has ended.
	gone chan struct{}
}

// startRuntime starts the bootstrap; a failure says why it could not.
func (e *Environment) startRuntime() *failure {
	variables := e.runtimeVariables()
	argv, problem := e.findBootstrap(variables)
	if problem != nil {
		return problem
	}
	output := e.hub.Output(telemetry.Function)
	relay, writer, err := e.newRelay(output)
	if err != nil {
		return &failure{errorType: invalidEntrypoint, message: err.Error()}
	}
	defer writer.Close()
	fresh := &runtime{state: started, relay: relay, output: output, gone: make(chan struct{})}
	fresh.pid, err = e.options.Supervisor.Start(supervise.Spec{
		Path:      argv[0],
		Args:      argv,
		Env:       variables,
		Directory: e.directory(),
		Stdout:    writer.Fd(),
		Files:     e.logFiles(writer),
		Exited:    func(status supervise.Status) { e.runtimeExited(fresh, status) },
	})
	if err != nil {
		relay.Close()
		reason := notStarted(argv[0], e.directory(), err)
		return &reason
	}
	e.runtime = fresh
	return nil
}

func (e *Environment) newRelay(output *telemetry.Output) (*logs.Relay, *os.File, error) {
	if e.options.LogFrames {
		return logs.NewFramedRelay(e.options.Sink, output.Take, output.EndLine)
	}
	return logs.NewRelay(e.options.Sink, output.Take)
}

// logFiles is what the runtime has open beside the usual three: logDescriptor.
func (e *Environment) logFiles(writer *os.File) []*os.File {
	if e.options.LogFrames {
		return []*os.File{writer}
	}
	return nil
}

// directory is where the runtime starts.
func (e *Environment) directory() string {
	if e.options.Directory != "" {
		return e.options.Directory
	}
	return e.taskRoot
}

// findBootstrap gives the command with an absolute path.
func (e *Environment) findBootstrap(variables []string) ([]string, *failure) {
	if len(e.options.Bootstrap) > 0 {
		argv := append([]string(nil), e.options.Bootstrap...)
		argv[0] = findProgram(argv[0], variables)
		return argv, nil
	}
	places := []string{
		filepath.Join(e.taskRoot, bootstrapName), filepath.Join(e.options.OptRoot, bootstrapName),
	}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && !info.IsDir() {
			return []string{place}, nil
		}
	}
	message := "Couldn't find valid bootstrap(s): [" + strings.Join(places, " ") + "]"
	return nil, &failure{errorType: invalidEntrypoint, message: message}
}

// findProgram looks a name without a slash up in the PATH that the program itself will see.
func findProgram(name string, variables []string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, variable := range variables {
		path, found := strings.CutPrefix(variable, "PATH=")
		if !found {
			continue
		}
		for _, directory := range filepath.SplitList(path) {
			place := filepath.Join(directory, name)
			if info, err := os.Stat(place); err == nil && info.Mode().Perm()&0o111 != 0 {
				return place
			}
		}
	}
	return name
}

// endWaits ends every call of next without an event.
func (r *runtime) endWaits() {
	for _, waiter := range r.waiters {
		close(waiter)
	}
	r.waiters = nil
}

// begin gives the runtime an event to answer. Every call of next gets it: which of them is the runtime's own
// cannot be told, and a stray one, such as that of a process that has ended, must not take it away.
func (r *runtime) begin(event link.Event) {
	r.state = running
	r.answered = make(chan struct{})
	for _, waiter := range r.waiters {
		waiter <- event
	}
	r.waiters = nil
}

// endResponse notes that nothing of an answer is to come any more.
func (r *runtime) endResponse() {
	r.state = responseSent
	close(r.answered)
}
