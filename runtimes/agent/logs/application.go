package logs

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// applicationLevels are the names of applicationLogLevel in their order, and what loggers call the same.
var applicationLevels = map[string]int{
	"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "WARNING": 3, "ERROR": 4, "FATAL": 5, "CRITICAL": 5,
}

// timestampKeys are where loggers write the time of a record.
var timestampKeys = []string{"timestamp", "time", "@timestamp", "Timestamp"}

// NewApplicationFilter gives what decides whether a line of the function belongs into a log of this format
// and application level; nil where all lines do. Contract: spec/lambda.md, section 2.8, and AWS's page
// "Log-level filtering": a line that is a JSON object has the level that it names itself, or INFO where it
// names none or has no time in RFC 3339. What is no JSON object is never left out: it may be a crash.
func NewApplicationFilter(format, level string) func(line []byte) bool {
	lowest, isKnown := applicationLevels[strings.ToUpper(level)]
	if format != "JSON" || !isKnown || lowest == 0 {
		return nil
	}
	return func(line []byte) bool {
		named, isRecord := readLevel(line)
		return !isRecord || named >= lowest
	}
}

// readLevel gives the level of a line, and whether it is a JSON object at all.
func readLevel(line []byte) (int, bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return 0, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return 0, false
	}
	level, isKnown := applicationLevels[strings.ToUpper(readText(fields["level"]))]
	if !isKnown || !hasTime(fields) {
		level = applicationLevels["INFO"]
	}
	return level, true
}

func hasTime(fields map[string]json.RawMessage) bool {
	for _, key := range timestampKeys {
		if _, err := time.Parse(time.RFC3339, readText(fields[key])); err == nil {
			return true
		}
	}
	return false
}

// readText gives a JSON string's text; empty for whatever else.
func readText(value json.RawMessage) string {
	var text string
	_ = json.Unmarshal(value, &text)
	return text
}
