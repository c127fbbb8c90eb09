// Package environment is the life of one execution environment: configure, init, then one event
// after the other, each answered, timed out or failed, until the gateway has no more use for it.
//
// Contract: one mutex guards all state; whatever arrives (frames, calls of the runtime, ends of
// processes, timers) takes it, decides, acts without waiting, and leaves. Only what ends processes
// or unpacks code runs outside, in phases that accept nothing else. Behaviour: spec/lambda.md,
// sections 1, 2.5, 2.7 and 9; the wire: docs/link.md.
package environment

import (
	"time"

	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/supervise"
)

// Options are what an environment is given for life.
type Options struct {
	Supervisor *supervise.Supervisor
	Sink       *logs.Sink
	// Bootstrap is the command of the runtime; where it is empty, a file named bootstrap is looked
	// for in the task root and in OptRoot.
	Bootstrap []string
	// TaskRoot is where code is unpacked and what LAMBDA_TASK_ROOT says, unless code is used in
	// place.
	TaskRoot string
	// IsMounted: code that is used in place is mounted at TaskRoot.
	IsMounted bool
	// OptRoot is where layers are; extensions are the files in its directory extensions.
	OptRoot string
	// Directory is where the runtime starts; empty means the task root.
	Directory string
	// Packages is where uploaded packages come from.
	Packages fetch.Gateway
	// Remote is how code comes from a URL or a bucket.
	Remote fetch.Remote
	// CodeMount is where the kubelet mounts code that comes from a ConfigMap.
	CodeMount string
	// Inherited is the agent's own environment without what is the agent's alone.
	Inherited []string
	// Values are the variables that come from Secrets and ConfigMaps.
	Values map[string]string
	// LogFrames has the runtime write the records of its logger in frames, between what it prints.
	LogFrames bool
	// IdleFreeze is how long an idle environment runs on before its processes are stopped; negative
	// for never.
	IdleFreeze time.Duration
	// Ended is called once, when the environment is over and its processes are gone.
	Ended func()
	Log   func(format string, arguments ...any)
}
