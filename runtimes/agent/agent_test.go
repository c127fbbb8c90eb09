package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/link"
	"kubelambda.io/agent/remote"
)

// TestMain lets the test binary be the agent, the runtime and the fetcher that the agent starts, so
// that the tests drive real processes.
func TestMain(m *testing.M) {
	if errno := os.Getenv("TEST_LANDLOCK_ERRNO"); errno != "" {
		runWithoutLandlock(errno)
	}
	if filepath.Base(os.Args[0]) == "kubelambda-fetch" {
		remote.Serve(os.Stdin, os.Stdout, os.NewFile(fetch.PackageDescriptor, "package"))
		os.Exit(0)
	}
	if scenario := os.Getenv("TEST_RUNTIME"); scenario != "" && os.Getenv("KUBELAMBDA_KEY") == "" {
		runScenario(scenario)
		os.Exit(0)
	}
	if os.Getenv("KUBELAMBDA_KEY") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// agent is a running agent process.
type agent struct {
	t       testing.TB
	command *exec.Cmd
	pid     int
	gateway *gateway
	root    string
	scratch string // a directory that the function may write to
	mutex   sync.Mutex
	output  bytes.Buffer
	exited  chan error
}

func (a *agent) Write(data []byte) (int, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.output.Write(data)
}

func (a *agent) log() string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.output.String()
}

// waitForLog waits until the log holds text.
func (a *agent) waitForLog(text string) string {
	a.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if log := a.log(); strings.Contains(log, text) {
			return log
		}
	}
	a.t.Fatalf("%q is not in the log:\n%s", text, a.log())
	return ""
}

var testKey = bytes.Repeat([]byte{0x42}, link.KeyBytes)

// startAgent runs the agent against g with a runtime that plays scenario.
func startAgent(t testing.TB, g *gateway, scenario string, variables ...string) *agent {
	t.Helper()
	a := prepareAgent(t, g, scenario, variables...)
	a.run()
	return a
}

// startBlockedLog runs an agent whose log nobody reads.
func startBlockedLog(t testing.TB) *agent {
	t.Helper()
	a := prepareAgent(t, newGateway(t, testKey), "obey")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close(); _ = writer.Close() })
	a.command.Stdout = writer
	a.run()
	return a
}

func prepareAgent(t testing.TB, g *gateway, scenario string, variables ...string) *agent {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, gateway: g, root: t.TempDir(), scratch: t.TempDir(), exited: make(chan error, 1)}
	bootstrap, _ := json.Marshal([]string{program})
	a.command = wrapAgent(program)
	a.command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"GORACE=" + os.Getenv("GORACE"), // go test -race: atexit_sleep_ms=0, or each end takes a second more
		"TEST_RUNTIME=" + scenario,
		"SCRATCH=" + a.scratch,
		"KUBELAMBDA_GATEWAY=" + g.address(),
		"KUBELAMBDA_NAMESPACE=default",
		"KUBELAMBDA_FUNCTION=hello",
		"KUBELAMBDA_FUNCTION_UID=uid-1",
		"KUBELAMBDA_KEY=" + hex.EncodeToString(g.key),
		"KUBELAMBDA_KEY_GENERATION=1",
		"KUBELAMBDA_CONFIG_DIGEST=digest",
		"KUBELAMBDA_REVISION=revision",
		"KUBELAMBDA_POD=pod-1",
		"KUBELAMBDA_POD_UID=pod-uid-1",
		"KUBELAMBDA_BOOTSTRAP=" + string(bootstrap),
		"KUBELAMBDA_TASK_ROOT=" + a.root,
		"KUBELAMBDA_RUNTIME_API_ADDRESS=127.0.0.1:0",
	}, variables...)
	a.command.Stdout = a
	a.command.Stderr = os.Stderr
	return a
}

func (a *agent) run() {
	a.t.Helper()
	a.gateway.start()
	if err := a.command.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.pid = a.findPID()
	go func() { a.exited <- a.command.Wait() }()
	a.t.Cleanup(a.stop)
}

func (a *agent) stop() {
	// PID 1 closes the task root; whoever is not root could not remove it then.
	defer func() { _ = os.Chmod(a.root, 0o755) }()
	select {
	case <-a.exited:
		return
	default:
		_ = syscall.Kill(a.pid, syscall.SIGHUP)
	}
	select {
	case <-a.exited:
	case <-time.After(30 * time.Second):
		_ = a.command.Process.Kill()
		a.t.Error("the agent did not end on SIGHUP")
	}
}

// startReady gives an agent whose runtime has asked for its first event.
func startReady(t testing.TB, scenario string, variables ...string) (*agent, *session) {
	t.Helper()
	a := startAgent(t, newGateway(t, testKey), scenario, variables...)
	s := a.gateway.session()
	s.configure(nil)
	s.control(link.InitDone)
	return a, s
}

// do invokes once and gives answer and report.
func (s *session) do(requestID, event string, changes map[string]any) (answer, map[string]any) {
	s.t.Helper()
	s.invoke(requestID, []byte(event), changes)
	got := s.response()
	return got, s.control(link.Idle)
}
