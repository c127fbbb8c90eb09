package logs

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBilledIsTheWholeMillisecondsOfEventAndInit(t *testing.T) {
	initMs := 293.05
	for _, row := range []struct {
		duration float64
		init     *float64
		billed   int64
	}{
		{3.01, nil, 4}, {3.0, nil, 3}, {3.004, nil, 3}, {0.2, nil, 1}, {1248.31, &initMs, 1542},
	} {
		if got := Billed(row.duration, row.init); got != row.billed {
			t.Errorf("%v is billed as %d", row.duration, got)
		}
	}
}

func TestTheReportNamesWhatWentWrong(t *testing.T) {
	initMs := 110.1
	report := Report{RequestID: "id", DurationMs: 3.014, BilledMs: 114, MemorySizeMB: 128, MaxMemoryMB: 36}
	head := "END RequestId: id\nREPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t"
	for _, row := range []struct {
		status, errorType, wanted string
		init                      *float64
		handled                   bool
	}{
		{"success", "", "\n", nil, false},
		{"success", "", "Init Duration: 110.10 ms\t\n", &initMs, false},
		{"timeout", "Sandbox.Timedout", "Status: timeout\n", nil, false},
		{"error", "Runtime.ExitError", "Status: error\tError Type: Runtime.ExitError\n", nil, false},
		{"error", "Runtime.Unknown", "\n", nil, true},
	} {
		report.Status, report.ErrorType, report.InitMs = row.status, row.errorType, row.init
		report.Handled = row.handled
		if got := NewFormat("Text", "1", Info).End(time.Time{}, report); got != head+row.wanted {
			t.Errorf("%s: %q", row.status, got)
		}
	}
}

func TestTimesInTheLogAreUTC(t *testing.T) {
	moment := time.Date(2023, 1, 1, 1, 0, 3, 0, time.FixedZone("", 3600))
	if got := NewFormat("Text", "1", Info).TimedOut(moment, "id", 3000); got != "2023-01-01T00:00:03.000Z id Task timed out after 3.00 seconds\n\n" {
		t.Errorf("got %q", got)
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(data []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(data)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

func TestAPlatformLineBeginsALineOfItsOwn(t *testing.T) {
	var out lockedBuffer
	sink := NewSink(&out)
	sink.output([]byte("whole\nhalf"))
	sink.System("END\n")
	sink.output([]byte("begun "))
	sink.output([]byte("and ended\n"))
	sink.Flush(time.Second)
	if got := out.String(); got != "whole\nhalf\nEND\nbegun and ended\n" {
		t.Errorf("got %q", got)
	}
}

func TestALineWithoutEndDoesNotGrowForEver(t *testing.T) {
	var out lockedBuffer
	sink := NewSink(&out)
	for range 40 {
		sink.output(bytes.Repeat([]byte("x"), 16*1024))
	}
	if len(sink.partial) >= lineBytesMax {
		t.Errorf("%d bytes are held", len(sink.partial))
	}
	sink.Flush(time.Second)
	if got := out.String(); strings.Count(got, "x") != 40*16*1024 {
		t.Errorf("%d bytes arrived", len(got))
	}
}

// stuck is a log that nobody reads.
type stuck struct{}

func (stuck) Write([]byte) (int, error) { select {} }

func TestFlushGivesUpOnALogThatNobodyReads(t *testing.T) {
	sink := NewSink(stuck{})
	sink.System("END\n")
	done := make(chan struct{})
	go func() { sink.Flush(20 * time.Millisecond); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("it waits for ever")
	}
}

func TestTheJSONFormatHasObjectsInPlaceOfLines(t *testing.T) {
	initMs := 110.1
	now := time.Date(2025, 1, 1, 0, 0, 0, 5e6, time.UTC)
	format := NewFormat("JSON", "$LATEST", Info)
	report := Report{
		RequestID: "id", TraceID: "Root=1", DurationMs: 3.014, BilledMs: 114, MemorySizeMB: 128,
		MaxMemoryMB: 36, InitMs: &initMs, Status: "success",
	}
	failed := Report{RequestID: "id", DurationMs: 3, BilledMs: 3, Status: "timeout", ErrorType: "Sandbox.Timedout"}
	for got, wanted := range map[string]string{
		format.Start(now, "id", "Root=1"): `{"time":"2025-01-01T00:00:00.005Z","type":"platform.start","record":` +
			`{"requestId":"id","version":"$LATEST","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}}` + "\n",
		format.End(now, report): `{"time":"2025-01-01T00:00:00.005Z","type":"platform.report","record":` +
			`{"requestId":"id","metrics":{"durationMs":3.01,"billedDurationMs":114,"memorySizeMB":128,` +
			`"maxMemoryUsedMB":36,"initDurationMs":110.1},"tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"},` +
			`"status":"success"}}` + "\n",
		format.End(now, failed): `{"time":"2025-01-01T00:00:00.005Z","type":"platform.runtimeDone","record":` +
			`{"requestId":"id","status":"timeout","errorType":"Sandbox.Timedout","metrics":{"durationMs":3}}}` + "\n" +
			`{"time":"2025-01-01T00:00:00.005Z","type":"platform.report","record":{"requestId":"id","metrics":` +
			`{"durationMs":3,"billedDurationMs":3,"memorySizeMB":0,"maxMemoryUsedMB":0},"status":"timeout",` +
			`"errorType":"Sandbox.Timedout"}}` + "\n",
		format.TimedOut(now, "id", 3000): "",
	} {
		if got != wanted {
			t.Errorf("got %s", got)
		}
	}
}

func TestAJSONLogLeavesOutWhatIsBelowItsLevel(t *testing.T) {
	lines := map[string]func(Format) string{
		"start":  func(f Format) string { return f.Start(time.Time{}, "id", "") },
		"end":    func(f Format) string { return f.End(time.Time{}, Report{Status: "success"}) },
		"failed": func(f Format) string { return f.End(time.Time{}, Report{Status: "error"}) },
		"begun":  func(f Format) string { return f.InitStart(time.Time{}, InitStart{RuntimeVersion: "python:3"}) },
		"image":  func(f Format) string { return f.InitStart(time.Time{}, InitStart{}) },
		"init":   func(f Format) string { return f.InitReport(time.Time{}, InitReport{Status: "success"}) },
		"slow":   func(f Format) string { return f.InitReport(time.Time{}, InitReport{Status: "timeout"}) },
		"ready":  func(f Format) string { return f.Extension(time.Time{}, Extension{State: "Ready"}) },
		"broken": func(f Format) string { return f.Extension(time.Time{}, Extension{ErrorType: "x"}) },
	}
	for _, row := range []struct {
		level string
		count map[string]int
	}{
		{"DEBUG", map[string]int{"start": 1, "end": 2, "failed": 2, "begun": 1, "image": 1, "init": 2, "slow": 2, "ready": 1, "broken": 1}},
		{"INFO", map[string]int{"start": 1, "end": 1, "failed": 2, "begun": 1, "image": 0, "init": 1, "slow": 2, "ready": 1, "broken": 1}},
		{"", map[string]int{"start": 1, "end": 1}},
		{"WARN", map[string]int{"start": 0, "end": 0, "failed": 2, "begun": 0, "image": 0, "init": 0, "slow": 2, "ready": 0, "broken": 1}},
	} {
		format := NewFormat("JSON", "1", ParseLevel(row.level))
		for name, wanted := range row.count {
			if got := strings.Count(lines[name](format), "\n"); got != wanted {
				t.Errorf("%s: %s has %d lines", row.level, name, got)
			}
		}
	}
}
