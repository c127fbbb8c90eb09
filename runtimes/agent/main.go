// Command kubelambda-agent supervises one Lambda execution environment: it is PID 1 of a function
// pod, or a child process in local mode. `kubelambda-agent install DIRECTORY` copies the program and
// ends: what an init container does for the pod of an image function. `kubelambda-agent try-mounts`
// mounts what KUBELAMBDA_MOUNTS says and ends.
//
// Contract: reads runtimes/README.md's variables, speaks docs/link.md to a gateway that it dials,
// and serves the Runtime API to the process that it starts. Exits 0 when let go, 1 when it cannot
// begin. Its own words go to standard error and hold neither keys, values nor payloads.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"kubelambda.io/agent/environment"
	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/link"
	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/runtimeapi"
	"kubelambda.io/agent/settings"
	"kubelambda.io/agent/supervise"
	"kubelambda.io/agent/values"
)

const (
	// goThreads: one at a time hands an event from link to runtime without waking another thread
	// (measured: a third less CPU per event, half the p99).
	goThreads = 1
	// garbagePercent keeps the heap at about 2 MB where Go would let it grow to 4.
	garbagePercent = 50
	// drainPatience is how long a gateway may take to let an idle environment go.
	drainPatience = 2 * time.Second
)

func main() {
	runtime.GOMAXPROCS(goThreads)
	debug.SetGCPercent(garbagePercent)
	if err := run(); err != nil {
		report("%v", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 3 && os.Args[1] == "install" {
		return install(os.Args[2])
	}
	if len(os.Args) == 2 && os.Args[1] == "try-mounts" {
		return tryMounts()
	}
	return supervised()
}

// tryMounts does nothing else, for local mode to see whether the machine allows it.
func tryMounts() error {
	mounts, err := settings.ReadMounts(os.Environ())
	if err != nil {
		return err
	}
	return supervise.MountAll(mounts)
}

// supervised is the agent's life as PID 1 or as a child.
func supervised() error {
	signals := supervise.CatchSignals()
	given, err := settings.Read(os.Environ())
	if err != nil {
		return err
	}
	if err := supervise.MountAll(given.Mounts); err != nil {
		return err
	}
	supervisor, err := supervise.New()
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	options := environment.Options{
		Supervisor: supervisor,
		Sink:       logs.NewSink(os.Stdout),
		Bootstrap:  given.Bootstrap,
		TaskRoot:   given.TaskRoot,
		IsMounted:  len(given.Mounts) > 0,
		OptRoot:    given.OptRoot,
		Directory:  given.WorkingDirectory,
		Packages: fetch.Gateway{
			Address: given.Gateway, UID: given.Identity.UID,
			KeyGeneration: given.Identity.KeyGeneration, Key: given.Key,
		},
		Remote:     given.Remote,
		CodeMount:  given.CodeMount,
		Inherited:  environment.Inherit(os.Environ()),
		Values:     given.Values,
		LogFrames:  given.LogFrames,
		IdleFreeze: given.IdleFreeze,
		Ended:      func() { close(ended) },
		Log:        report,
	}
	room := environment.New(options)
	api, err := runtimeapi.Listen(given.RuntimeAPI, room)
	if err != nil {
		return err
	}
	room.ServeAt(api.Address())
	go api.Serve()
	client := link.Client{
		Address: given.Gateway, Identity: given.Identity, Key: given.Key, Handler: room, Log: report,
	}
	go client.Run(room.Context())
	go endOnSignals(signals, room, supervisor)
	go followValues(given, room)
	<-ended
	return nil
}

// endOnSignals ends the environment: drain on TERM and INT, at once when the parent has gone or wants no
// more of it (HUP).
func endOnSignals(
	signals <-chan os.Signal, room *environment.Environment, supervisor *supervise.Supervisor,
) {
	for number := range signals {
		if number == syscall.SIGHUP {
			room.End()
			go supervisor.KillAll() // also where it is ending already and gives its processes time
		} else {
			room.Drain(drainPatience)
		}
	}
}

// followValues ends the environment, as a SIGTERM would, when a value of a Secret or ConfigMap is not
// any more what its processes were started with: the next environment starts with the new one.
func followValues(given settings.Settings, room *environment.Environment) {
	watch := values.Watch{
		Directory: given.ValuesMount, Values: given.Values, Optional: given.OptionalValues,
	}
	if names := watch.Wait(room.Context(), given.ValuesPoll); names != nil {
		report("%s changed; this environment goes", strings.Join(names, ", "))
		room.Drain(drainPatience)
	}
}

func report(format string, arguments ...any) {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	fmt.Fprintf(os.Stderr, "%s kubelambda-agent: %s\n", now, fmt.Sprintf(format, arguments...))
}
