package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kubelambda.io/agent/landlock"
	"kubelambda.io/agent/link"
)

// confined is an agent whose code and layers lie where a function may not write in a pod: outside of
// /tmp. Its function and its extensions run testdata/changes.py.
type confined struct {
	*agent
	*session
	opt string
}

// outside gives a directory that is not beneath /tmp, whose files the test may remove again.
func outside(t testing.TB) string {
	t.Helper()
	return directoryIn(t, "/var/tmp")
}

func directoryIn(t testing.TB, parent string) string {
	t.Helper()
	directory, err := os.MkdirTemp(parent, "kubelambda-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = filepath.WalkDir(directory, func(name string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				_ = os.Chmod(name, 0o755)
			}
			return nil
		})
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

// prepareConfined gives an agent with these settings more that is not started yet.
func prepareConfined(t testing.TB, variables ...string) *confined {
	t.Helper()
	c := &confined{opt: outside(t)}
	c.agent = prepareAgent(t, newGateway(t, testKey), "ext-loop", ricArguments(t))
	c.root, c.scratch = outside(t), directoryIn(t, "/tmp")
	c.command.Env = append(c.command.Env, append([]string{
		"SCRATCH=" + c.scratch, "KUBELAMBDA_TASK_ROOT=" + c.root, "KUBELAMBDA_OPT_ROOT=" + c.opt,
	}, variables...)...)
	return c
}

// begin starts the agent and configures it with changes.py and a layer, of whose files these are some.
func (c *confined) begin(layer map[string]string) *confined {
	t := c.agent.t
	t.Helper()
	source, err := os.ReadFile("testdata/changes.py")
	if err != nil {
		t.Fatal(err)
	}
	configuration := ricConfiguration("")
	configuration["code"] = map[string]any{"inline": map[string]string{
		"app.py": string(source), "file": "the code's", "spare": "the code's",
	}}
	files := map[string]string{"file": "the layer's", "spare": "the layer's"}
	for name, text := range layer {
		files[name] = text
	}
	configuration["layers"] = []any{map[string]any{"inline": files}}
	c.run()
	c.session = c.gateway.session()
	c.configure(configuration)
	c.control(link.InitDone)
	return c
}

// ask invokes the function and decodes what it answers.
func (c *confined) ask(act, directory string, into any) {
	t := c.agent.t
	t.Helper()
	got, _ := c.do("id-"+act, fmt.Sprintf(`{"act":%q,"directory":%q}`, act, directory), nil)
	if err := json.Unmarshal(got.body, into); err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
}

// requireConfinement leaves out a test where agents confine nothing, and says why.
func requireConfinement(t *testing.T) {
	t.Helper()
	if !asInit() {
		t.Skip("runs as PID 1 (hack/agent-test): an agent among other processes confines nothing")
	}
	if landlock.ABI() < 3 {
		t.Skipf("NOT RUN: this kernel's Landlock is of version %d", landlock.ABI())
	}
}

// expectRefused: every attempt was answered with an error that Landlock gives.
func expectRefused(t *testing.T, who string, attempts map[string]int) {
	t.Helper()
	if len(attempts) < 16 {
		t.Errorf("%s: %d attempts", who, len(attempts))
	}
	for name, errno := range attempts {
		refusals := []syscall.Errno{syscall.EACCES, syscall.EXDEV, ^syscall.Errno(0)}
		if !slices.Contains(refusals, syscall.Errno(errno)) {
			t.Errorf("%s: %s: errno %d", who, name, errno)
		}
	}
}

func (c *confined) expectUntouched() {
	c.agent.t.Helper()
	for directory, wanted := range map[string]string{c.root: "the code's", c.opt: "the layer's"} {
		for _, name := range []string{"file", "spare"} {
			if text, err := os.ReadFile(filepath.Join(directory, name)); string(text) != wanted {
				c.agent.t.Errorf("%s: %q, %v", name, text, err)
			}
		}
	}
}

func TestAFunctionCannotChangeItsCodeNorItsLayers(t *testing.T) {
	requireConfinement(t)
	c := prepareConfined(t).begin(nil)
	for _, directory := range []string{c.root, c.opt} {
		var attempts map[string]int
		c.ask("change", directory, &attempts)
		expectRefused(t, directory, attempts)
	}
	c.expectUntouched()
}

func TestWhatAFunctionMayWriteWorksAsBefore(t *testing.T) {
	c := prepareConfined(t).begin(nil)
	var failed map[string]string
	c.ask("use", c.scratch, &failed)
	if len(failed) > 0 {
		t.Errorf("failed: %v", failed)
	}
	another := directoryIn(t, "/tmp")
	for _, name := range []string{"file", "spare"} {
		if err := os.WriteFile(filepath.Join(another, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var attempts map[string]int
	c.ask("change", another, &attempts)
	for name, errno := range attempts {
		if errno != 0 {
			t.Errorf("%s: errno %d", name, errno)
		}
	}
}

// changer is an extension that tries to change a directory before it registers, and looks for the
// runtime afterwards.
func (c *confined) changer() string {
	program, err := os.Executable()
	if err != nil {
		c.agent.t.Fatal(err)
	}
	return fmt.Sprintf(`#!/bin/sh
for directory in %[1]s %[2]s; do
	echo "extension: $(%[3]s %[1]s/app.py $directory)"
done
(
	while ! read -r pid <%[4]s/pid; do sleep 0.01; done 2>/dev/null
	true </proc/$pid/mem && echo extension: sees the runtime
	(true </proc/1/mem) 2>/dev/null || echo extension: does not see the agent
) &
export EXTENSION_NAME=changer TEST_RUNTIME=ext-loop %[5]s
exec %[6]s
`, c.root, c.opt, ricPython(c.agent.t), c.scratch, invokeAndShutdown, program)
}

func TestAnExtensionCannotChangeThemEither(t *testing.T) {
	requireConfinement(t)
	c := prepareConfined(t)
	c.begin(map[string]string{"extensions/changer": c.changer()})
	tried := 0
	for _, line := range strings.Split(c.waitForLog("changer: register 200"), "\n") {
		var attempts map[string]int
		text, found := strings.CutPrefix(line, "extension: ")
		if found && json.Unmarshal([]byte(text), &attempts) == nil {
			tried++
			expectRefused(t, "extension", attempts)
		}
	}
	if tried != 2 {
		t.Errorf("%d directories were tried", tried)
	}
	c.expectUntouched()
}

func TestRuntimeAndExtensionsSeeEachOtherButNotTheAgent(t *testing.T) {
	requireConfinement(t)
	c := prepareConfined(t, "KUBELAMBDA_IDLE_FREEZE_MS=-1")
	c.begin(map[string]string{"extensions/changer": c.changer()})
	var seen map[string][]string
	c.ask("look", c.scratch, &seen)
	// Root is let at environments by a capability (CAP_PERFMON) that no function has.
	if len(seen["1"]) > 0 && (os.Getuid() != 0 || slices.Contains(seen["1"], "mem")) {
		t.Errorf("the runtime sees %v of the agent", seen["1"])
	}
	delete(seen, "1")
	if len(seen) < 3 {
		t.Errorf("the runtime sees neither itself, the extension nor its subshell: %v", seen)
	}
	c.waitForLog("extension: sees the runtime")
	c.waitForLog("extension: does not see the agent")
}

func TestARuntimeThatIsStartedAnewIsConfinedToo(t *testing.T) {
	requireConfinement(t)
	c := prepareConfined(t).begin(nil)
	before := c.die()
	var attempts map[string]int
	c.ask("change", c.root, &attempts)
	expectRefused(t, "the second runtime", attempts)
	c.expectUntouched()
	if after := c.die(); after == before {
		t.Error("the runtime was not started anew")
	}
}

// die lets the runtime end during an event and gives its number.
func (c *confined) die() int {
	var pid int
	c.ask("pid", "", &pid)
	c.invoke("id-die", []byte(`{"act":"die","directory":""}`), nil)
	if got := c.response(); got.head["functionError"] != true {
		c.agent.t.Errorf("got %v", got.head)
	}
	c.control(link.Idle)
	return pid
}

func TestARestartedContainerPutsItsCodeInOrder(t *testing.T) {
	c := prepareConfined(t).begin(nil)
	c.signal(syscall.SIGHUP)
	c.expectExit(0)
	if err := os.WriteFile(c.root+"/left", []byte("left behind"), 0o600); err != nil && os.Getuid() == 0 {
		t.Fatal(err)
	}
	again := prepareConfined(t, "KUBELAMBDA_TASK_ROOT="+c.root, "KUBELAMBDA_OPT_ROOT="+c.opt).begin(nil)
	again.root, again.opt = c.root, c.opt
	again.expectUntouched()
	if _, err := os.Stat(c.root + "/left"); asInit() && err == nil {
		t.Error("what was left behind is still there")
	}
}

func TestCodeInAnImageIsNotConfined(t *testing.T) {
	expectOpen(t, "obey", imageCode)
}

func TestCodeThatIsUsedInPlaceIsNotConfined(t *testing.T) {
	directory := outside(t)
	expectOpen(t, "obey", map[string]any{"code": map[string]any{"directory": directory}})
}

func TestAnAgentAmongOtherProcessesConfinesNothing(t *testing.T) {
	if asInit() {
		t.Skip("as PID 1 the agent is alone with its children")
	}
	expectOpen(t, "obey", nil)
}

// expectOpen: the function may write where its user may.
func expectOpen(t *testing.T, scenario string, configuration map[string]any) {
	t.Helper()
	a := startAgent(t, newGateway(t, testKey), scenario)
	s := a.gateway.session()
	s.configure(configuration)
	s.control(link.InitDone)
	file := outside(t) + "/file"
	s.do("id-1", "shell echo written >"+file+"; echo shell done", nil)
	a.waitForLog("shell done")
	if text, err := os.ReadFile(file); string(text) != "written\n" {
		t.Errorf("%q, %v", text, err)
	}
}
