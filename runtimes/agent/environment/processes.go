package environment

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kubelambda.io/agent/extensions"
	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/supervise"
	"kubelambda.io/agent/telemetry"
)

const extensionsDirectory = "extensions"

// processSet is one start of extensions and runtime, which live and end together.
type processSet struct {
	registry extensions.Registry
	members  map[*extensions.Extension]*member
	started  time.Time
	// fatal is the type of the first error that an extension has reported. It is the failure's type,
	// however the processes end afterwards.
	fatal string
	// ending is set once the processes are being ended: their exits are no failures then.
	ending bool
	// shutdownEvent is the SHUTDOWN event, once there is one.
	shutdownEvent []byte
}

// member is one extension and, where it is an external one, its process.
type member struct {
	*extensions.Extension
	waiter chan []byte
	pid    int
	relay  *logs.Relay
	gone   chan struct{}
}

// startProcesses starts the extensions and, where there are none to wait for, the runtime; phase is
// init or, inside an event, invoke.
func (e *Environment) startProcesses(phase string) *failure {
	e.processes = &processSet{members: map[*extensions.Extension]*member{}, started: time.Now()}
	e.hub.Begin(e.configuration.LogFormat == "JSON")
	e.hub.Tell(time.Now(), e.describeStart(phase).Record())
	for _, path := range e.findExtensions() {
		if problem := e.startExtension(path); problem != nil {
			return problem
		}
	}
	return e.startRuntimeWhenComplete()
}

// startRuntimeWhenComplete starts the runtime once all external extensions have registered.
func (e *Environment) startRuntimeWhenComplete() *failure {
	if e.runtime != nil || !e.processes.registry.Complete() {
		return nil
	}
	return e.startRuntime()
}

// findExtensions gives the files directly in the directory of extensions, in the order of their names.
func (e *Environment) findExtensions() []string {
	directory := filepath.Join(e.options.OptRoot, extensionsDirectory)
	entries, _ := os.ReadDir(directory)
	var paths []string
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			paths = append(paths, path)
		}
	}
	return paths
}

func (e *Environment) startExtension(path string) *failure {
	extension, fits := e.processes.registry.Expect(filepath.Base(path), newIdentifier())
	if !fits {
		extension.FailLaunch("TooManyExtensions")
		return notLaunched(fmt.Sprintf("Extension limit (%d) reached", extensions.Max))
	}
	output := e.hub.Output(telemetry.Extension)
	relay, writer, err := logs.NewExtensionRelay(e.options.Sink, output.Take)
	if err != nil {
		return notLaunched(err.Error())
	}
	defer writer.Close()
	fresh := &member{Extension: extension, relay: relay, gone: make(chan struct{})}
	processes := e.processes
	processes.members[extension] = fresh
	fresh.pid, err = e.options.Supervisor.Start(supervise.Spec{
		Path:      path,
		Args:      []string{path},
		Env:       e.extensionVariables(),
		Directory: "/",
		Stdout:    writer.Fd(),
		Exited:    func(status supervise.Status) { e.extensionExited(processes, fresh, status) },
	})
	if err != nil {
		close(fresh.gone)
		extension.FailLaunch(launchErrorType(err))
		return notLaunched("fork/exec " + path + ": " + systemText(err))
	}
	return nil
}

func notLaunched(message string) *failure {
	return &failure{errorType: extensions.LaunchErrorReported, message: message, crashed: true}
}

func launchErrorType(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "PermissionDenied"
	}
	return "UnknownError"
}

// extensionExited: an extension that ends before it is told to takes everything with it.
func (e *Environment) extensionExited(
	processes *processSet, member *member, status supervise.Status,
) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	close(member.gone)
	if e.processes != processes || processes.ending {
		return
	}
	reason := failure{errorType: extensions.Crash, message: status.Reason(), crashed: true}
	if reason.message == "" {
		reason.message = "exit code 0"
	}
	if processes.fatal != "" {
		reason.errorType = processes.fatal
	}
	e.failCurrentPhase(reason)
}

// external gives the extensions that are processes of their own.
func (g *processSet) external() []*member {
	var found []*member
	for _, extension := range g.registry.Members() {
		if member := g.members[extension]; member != nil && member.gone != nil {
			found = append(found, member)
		}
	}
	return found
}

// drain takes over what the extensions have printed.
func (g *processSet) drain() {
	for _, member := range g.members {
		if member.relay != nil {
			member.relay.Drain()
		}
	}
}

func newIdentifier() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}
