package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"kubelambda.io/agent/logs"
)

// entry is one event before it is written for a subscriber.
type entry struct {
	category Category
	moment   time.Time
	record   logs.Record // of the platform
	line     string      // of a process, without its line feed
	// object is the line as JSON, where the function logs in JSON and the line is an object.
	object json.RawMessage
}

// encode writes the entry as the subscription's schema has it; nil where it has no such event.
func (s Subscription) encode(event entry) []byte {
	if event.category != Platform {
		return s.encodeLine(event)
	}
	if s.API == TelemetryAPI {
		switch event.record.Type {
		case "platform.logsSubscription", "platform.end":
			return nil
		}
		return logs.EncodeRecord(event.moment, event.record.Type, event.record.Body)
	}
	return s.encodeForLogs(event)
}

// encodeLine: a line is an object only since the second version of the Telemetry API.
func (s Subscription) encodeLine(event entry) []byte {
	kind := string(event.category)
	if event.object != nil && s.API == TelemetryAPI && s.Schema != schemaTelemetry2022 {
		return logs.EncodeRecord(event.moment, kind, event.object)
	}
	return logs.EncodeRecord(event.moment, kind, event.line)
}

// encodeForLogs: the older interface knows fewer events and has platform.end beside platform.report.
func (s Subscription) encodeForLogs(event entry) []byte {
	switch event.record.Type {
	case "platform.initStart", "platform.telemetrySubscription":
		return nil
	case "platform.runtimeDone":
		if s.Schema == schemaLogs2020 {
			return nil
		}
	}
	return logs.EncodeRecord(event.moment, event.record.Type, event.record.Body)
}

// newLine makes an entry of one line of a process's output.
func newLine(category Category, moment time.Time, line []byte, isJSON bool) entry {
	text := strings.TrimSuffix(string(line), "\n")
	event := entry{category: category, moment: moment, line: text}
	if trimmed := bytes.TrimSpace(line); isJSON && bytes.HasPrefix(trimmed, []byte("{")) &&
		json.Valid(trimmed) {
		event.object = append(json.RawMessage(nil), trimmed...)
	}
	return event
}

const droppedReason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."

type droppedRecord struct {
	Reason         string `json:"reason"`
	DroppedRecords int    `json:"droppedRecords"`
	DroppedBytes   int    `json:"droppedBytes"`
}

func (d dropped) encode(now time.Time) []byte {
	body := droppedRecord{droppedReason, d.records, d.bytes}
	return logs.EncodeRecord(now, "platform.logsDropped", body)
}
