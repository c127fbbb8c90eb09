package logs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Report is what the last line of an event says.
type Report struct {
	RequestID    string
	DurationMs   float64
	BilledMs     int64
	MemorySizeMB int
	MaxMemoryMB  int64
	InitMs       *float64
	Status       string
	ErrorType    string
}

// InitStart is the first line of an environment.
func InitStart(version, versionARN string) string {
	return "INIT_START Runtime Version: " + version + "\tRuntime Version ARN: " + versionARN + "\n"
}

// InitReport is written where init failed; errorType is empty for a timeout.
func InitReport(initMs float64, phase, status, errorType string) string {
	line := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s",
		initMs, phase, status)
	if errorType != "" {
		line += "\tError Type: " + errorType
	}
	return line + "\n"
}

// Start is the first line of an event.
func Start(requestID, version string) string {
	return "START RequestId: " + requestID + " Version: " + version + "\n"
}

// TimedOut is written before END.
func TimedOut(now time.Time, requestID string, timeoutMs int64) string {
	return now.UTC().Format("2006-01-02T15:04:05.000Z") + " " + requestID + " " +
		TimedOutText(timeoutMs) + "\n\n"
}

// TimedOutText is what log and caller read of a timeout; the time is the configured one.
func TimedOutText(timeoutMs int64) string {
	return fmt.Sprintf("Task timed out after %.2f seconds", float64(timeoutMs)/1000)
}

// Crashed is written before END where the runtime ended by itself.
func Crashed(requestID, message, errorType string) string {
	return "RequestId: " + requestID + " Error: " + message + "\n" + errorType + "\n"
}

// End is written when an event's output is complete.
func End(requestID string) string { return "END RequestId: " + requestID + "\n" }

// Line is the REPORT line: fields end in tabs, also the last one.
func (r Report) Line() string {
	var line strings.Builder
	fmt.Fprintf(&line, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\t"+
		"Memory Size: %d MB\tMax Memory Used: %d MB\t",
		r.RequestID, r.DurationMs, r.BilledMs, r.MemorySizeMB, r.MaxMemoryMB)
	if r.InitMs != nil {
		line.WriteString("Init Duration: " + strconv.FormatFloat(*r.InitMs, 'f', 2, 64) + " ms\t")
	}
	if r.Status == "timeout" || r.Status == "error" && r.ErrorType != "" {
		line.WriteString("Status: " + r.Status)
		if r.Status == "error" {
			line.WriteString("\tError Type: " + r.ErrorType)
		}
	}
	line.WriteByte('\n')
	return line.String()
}

// Billed is the whole milliseconds of an event and, where it was the first, of its init.
func Billed(durationMs float64, initMs *float64) int64 {
	if initMs != nil {
		durationMs += *initMs
	}
	return int64(math.Ceil(round(durationMs)))
}

// round keeps what two decimals show from being billed differently than printed.
func round(ms float64) float64 { return math.Round(ms*100) / 100 }
