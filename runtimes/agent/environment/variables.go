package environment

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sort"
	"strings"
	"time"

	"kubelambda.io/agent/link"
)

const (
	agentPrefix      = "KUBELAMBDA_"
	kubernetesPrefix = "KUBERNETES_"
	serviceHost      = "_SERVICE_HOST"
	ownGroupPrefix   = "/aws/lambda/"
	// logDescriptor is the pipe of standard output once more: a client may close it when it ends.
	logDescriptor = "3"
)

// Inherit gives what of the agent's own environment the function may see: neither the agent's
// settings nor the addresses of services that Kubernetes adds.
func Inherit(variables []string) []string {
	services := serviceNames(variables)
	var kept []string
	for _, variable := range variables {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, agentPrefix) && !isOfService(name, services) {
			kept = append(kept, variable)
		}
	}
	return kept
}

func serviceNames(variables []string) []string {
	names := []string{strings.TrimSuffix(kubernetesPrefix, "_")}
	for _, variable := range variables {
		name, _, _ := strings.Cut(variable, "=")
		if service, found := strings.CutSuffix(name, serviceHost); found {
			names = append(names, service)
		}
	}
	return names
}

func isOfService(name string, services []string) bool {
	for _, service := range services {
		rest, found := strings.CutPrefix(name, service+"_")
		if found && (strings.HasPrefix(rest, "SERVICE_") || strings.HasPrefix(rest, "PORT")) {
			return true
		}
	}
	return false
}

// runtimeVariables is the environment of the runtime process; what comes later counts.
func (e *Environment) runtimeVariables() []string {
	all := map[string]string{}
	for _, variable := range e.options.Inherited {
		name, value, _ := strings.Cut(variable, "=")
		all[name] = value
	}
	if _, found := all["AWS_LAMBDA_LOG_STREAM_NAME"]; !found {
		all["AWS_LAMBDA_LOG_STREAM_NAME"] = e.logStream
	}
	for name, value := range e.options.Values {
		all[name] = value
	}
	for name, value := range e.configuration.Environment {
		all[name] = value
	}
	all["AWS_LAMBDA_RUNTIME_API"] = e.runtimeAPI
	all["LAMBDA_TASK_ROOT"] = e.taskRoot
	if e.options.LogFrames {
		all["_LAMBDA_TELEMETRY_LOG_FD"] = logDescriptor
	}
	variables := make([]string, 0, len(all))
	for name, value := range all {
		if strings.IndexByte(name, 0) < 0 && strings.IndexByte(value, 0) < 0 {
			variables = append(variables, name+"="+value)
		}
	}
	sort.Strings(variables)
	return variables
}

// Of the image's own variables an extension sees these; of the others all but those that are the
// runtime's (spec/lambda.md, section 6.6).
var (
	extensionInherits = []string{"PATH", "LD_LIBRARY_PATH", "LANG", "TZ", "TMPDIR"}
	runtimesOwn       = []string{
		"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
	}
)

// extensionVariables is the reduced environment of an extension's process.
func (e *Environment) extensionVariables() []string {
	var imagesOwn []string
	for _, variable := range e.options.Inherited {
		name, _, _ := strings.Cut(variable, "=")
		_, configured := e.configuration.Environment[name]
		_, secret := e.options.Values[name]
		if !configured && !secret && !slices.Contains(extensionInherits, name) &&
			!strings.HasPrefix(name, "AWS_") {
			imagesOwn = append(imagesOwn, name)
		}
	}
	var kept []string
	for _, variable := range e.runtimeVariables() {
		name, _, _ := strings.Cut(variable, "=")
		isRuntimes := strings.HasPrefix(name, "_") || strings.HasPrefix(name, "AWS_XRAY_") ||
			slices.Contains(runtimesOwn, name)
		if !isRuntimes && !slices.Contains(imagesOwn, name) {
			kept = append(kept, variable)
		}
	}
	return kept
}

// newLogStream names the function where it shares a log group with others.
func newLogStream(now time.Time, configuration link.Configuration) string {
	name := ""
	if group := configuration.LogGroup; group != "" && group != ownGroupPrefix+configuration.FunctionName {
		name = configuration.FunctionName
	}
	var unique [16]byte
	_, _ = rand.Read(unique[:])
	return now.UTC().Format("2006/01/02/") + name + "[" + configuration.FunctionVersion + "]" +
		hex.EncodeToString(unique[:])
}
