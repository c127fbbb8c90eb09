package logs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const success = "success"

// textFormat is spec/lambda.md, section 2.7.
type textFormat struct{ version string }

func (textFormat) InitStart(_ time.Time, start InitStart) string {
	if start.RuntimeVersion == "" {
		return "" // an image function has no runtime of ours
	}
	return "INIT_START Runtime Version: " + start.RuntimeVersion +
		"\tRuntime Version ARN: " + start.RuntimeVersionARN + "\n"
}

func (textFormat) InitReport(_ time.Time, report InitReport) string {
	if report.Status == success {
		return ""
	}
	line := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s",
		report.DurationMs, report.Phase, report.Status)
	if report.ErrorType != "" {
		line += "\tError Type: " + report.ErrorType
	}
	return line + "\n"
}

func (textFormat) Extension(_ time.Time, extension Extension) string {
	line := "EXTENSION\tName: " + extension.Name + "\tState: " + extension.State +
		"\tEvents: [" + strings.Join(extension.Events, ", ") + "]"
	if extension.ErrorType != "" {
		line += "\tError Type: " + extension.ErrorType
	}
	return line + "\n"
}

func (textFormat) Subscription(_ time.Time, subscription Subscription) string {
	types := make([]string, len(subscription.Types))
	for number, name := range subscription.Types {
		types[number] = strings.ToUpper(name[:1]) + name[1:]
	}
	return strings.ToUpper(subscription.API) + "\tName: " + subscription.Name + "\tState: " +
		subscription.State + "\tTypes: [" + strings.Join(types, ", ") + "]\n"
}

func (t textFormat) Start(_ time.Time, requestID, _ string) string {
	return "START RequestId: " + requestID + " Version: " + t.version + "\n"
}

func (textFormat) TimedOut(now time.Time, requestID string, timeoutMs int64) string {
	return Stamp(now) + " " + requestID + " " + TimedOutText(timeoutMs) + "\n\n"
}

// TimedOutText is what log and caller read of a timeout; the time is the configured one.
func TimedOutText(timeoutMs int64) string {
	return fmt.Sprintf("Task timed out after %.2f seconds", float64(timeoutMs)/1000)
}

func (textFormat) Crashed(requestID, message, errorType string) string {
	return crashText(requestID, message, errorType) + "\n"
}

func crashText(requestID, message, errorType string) string {
	return "RequestId: " + requestID + " Error: " + message + "\n" + errorType
}

// End gives END and REPORT; the fields of REPORT end in tabs, also the last one.
func (textFormat) End(_ time.Time, report Report) string {
	line := make([]byte, 0, 320)
	line = append(append(line, "END RequestId: "...), report.RequestID...)
	line = append(append(line, "\nREPORT RequestId: "...), report.RequestID...)
	line = appendMs(append(line, "\tDuration: "...), report.DurationMs)
	line = strconv.AppendInt(append(line, "\tBilled Duration: "...), report.BilledMs, 10)
	line = strconv.AppendInt(append(line, " ms\tMemory Size: "...), int64(report.MemorySizeMB), 10)
	line = strconv.AppendInt(append(line, " MB\tMax Memory Used: "...), report.MaxMemoryMB, 10)
	line = append(line, " MB\t"...)
	if report.InitMs != nil {
		line = append(appendMs(append(line, "Init Duration: "...), *report.InitMs), '\t')
	}
	switch {
	case report.Status == "timeout":
		line = append(line, "Status: timeout"...)
	case report.Status != success && !report.Handled:
		line = append(line, "Status: "+report.Status+"\tError Type: "+report.ErrorType...)
	}
	return string(append(line, '\n'))
}

// appendMs appends milliseconds with two decimals and their unit.
func appendMs(line []byte, ms float64) []byte {
	return append(strconv.AppendFloat(line, ms, 'f', 2, 64), " ms"...)
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

// Stamp is how times are written.
func Stamp(now time.Time) string { return now.UTC().Format("2006-01-02T15:04:05.000Z") }
