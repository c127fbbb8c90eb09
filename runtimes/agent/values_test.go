package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// startWithValue gives an agent whose variable A is 1, and the file that the kubelet would keep.
func startWithValue(t *testing.T) (*agent, *session, string) {
	t.Helper()
	mount := t.TempDir()
	file := filepath.Join(mount, "A")
	writeValue(t, file, "1")
	a, s := startReady(t, "obey", "KUBELAMBDA_VALUE_A=1", "KUBELAMBDA_VALUES_MOUNT="+mount,
		"KUBELAMBDA_VALUES_POLL_MS=10")
	return a, s, file
}

func writeValue(t *testing.T, file, text string) {
	t.Helper()
	part := filepath.Join(filepath.Dir(file), "..part")
	if err := os.WriteFile(part, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, file); err != nil {
		t.Fatal(err)
	}
}

func (a *agent) waitForExit(s *session) {
	a.t.Helper()
	s.closed()
	a.expectExit(0)
}

func TestAChangedValueEndsAnIdleEnvironment(t *testing.T) {
	a, s, file := startWithValue(t)
	writeValue(t, file, "MARKER")
	s.control(link.Leaving)
	s.send(link.Drain, nil)
	a.waitForExit(s)
	if strings.Contains(a.log(), "MARKER") {
		t.Error("the value is in the log")
	}
}

func TestAChangedValueLetsTheEventFinish(t *testing.T) {
	a, s, file := startWithValue(t)
	s.invoke("id-1", []byte("sleep 300ms"), nil)
	writeValue(t, file, "2")
	s.control(link.Leaving)
	s.send(link.Drain, nil)
	if got := s.response(); got.head["functionError"] != false {
		t.Errorf("got %v", got.head)
	}
	s.control(link.Idle)
	a.waitForExit(s)
}

func TestAnUnchangedValueEndsNothing(t *testing.T) {
	_, s, file := startWithValue(t)
	writeValue(t, file, "1")
	time.Sleep(100 * time.Millisecond)
	if got, _ := s.do("id-1", "echo still here", nil); string(got.body) != "still here" {
		t.Errorf("got %s", got.body)
	}
}
