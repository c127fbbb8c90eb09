package telemetry

import (
	"strings"
	"testing"

	"kubelambda.io/agent/logs"
)

func TestJSONLinesAreObjectsSinceTheSecondSchema(t *testing.T) {
	for _, row := range []struct {
		api    API
		schema string
		wanted string
	}{
		{TelemetryAPI, "2022-07-01", `"{\"a\": 1}"`},
		{TelemetryAPI, "2022-12-13", `{"a":1}`},
		{TelemetryAPI, "2025-01-29", `{"a":1}`},
		{LogsAPI, "2021-03-18", `"{\"a\": 1}"`},
	} {
		asked := Subscription{API: row.api, Schema: row.schema}
		got := string(asked.encode(newLine(Function, start, []byte(`{"a": 1}`+"\n"), true)))
		if !strings.HasSuffix(got, `"type":"function","record":`+row.wanted+`}`) {
			t.Errorf("%s: got %s", row.schema, got)
		}
	}
	asked := Subscription{API: TelemetryAPI, Schema: "2022-12-13"}
	for _, line := range []string{"text", `"string"`, "{broken", "[1]"} {
		if got := string(asked.encode(newLine(Function, start, []byte(line), true))); !strings.Contains(got, `"record":"`) {
			t.Errorf("%s: got %s", line, got)
		}
	}
	if got := string(asked.encode(newLine(Function, start, []byte(`{"a": 1}`), false))); !strings.Contains(got, `"record":"{`) {
		t.Errorf("a text function's line became %s", got)
	}
}

func TestTheLogsAPIHasTheEventsOfItsSchema(t *testing.T) {
	report := logs.Report{RequestID: "id", Status: "success"}
	for _, row := range []struct {
		record logs.Record
		logs20 string
		logs21 string
		newer  string
	}{
		{logs.InitStart{}.Record(), "", "", "platform.initStart"},
		{logs.StartRecord("id", "1", ""), "platform.start", "platform.start", "platform.start"},
		{report.RuntimeDone(), "", "platform.runtimeDone", "platform.runtimeDone"},
		{logs.EndRecord("id"), "platform.end", "platform.end", ""},
		{report.Record(), "platform.report", "platform.report", "platform.report"},
		{logs.FaultRecord("id", "m", "T"), "platform.fault", "platform.fault", "platform.fault"},
		{logs.Extension{}.Record(), "platform.extension", "platform.extension", "platform.extension"},
		{logs.Subscription{API: "logs"}.Record(), "platform.logsSubscription", "platform.logsSubscription", ""},
		{logs.Subscription{API: "telemetry"}.Record(), "", "", "platform.telemetrySubscription"},
	} {
		event := entry{category: Platform, moment: start, record: row.record}
		for _, asked := range []struct {
			subscription Subscription
			wanted       string
		}{
			{Subscription{API: LogsAPI, Schema: "2020-08-15"}, row.logs20},
			{Subscription{API: LogsAPI, Schema: "2021-03-18"}, row.logs21},
			{Subscription{API: TelemetryAPI, Schema: "2022-12-13"}, row.newer},
		} {
			got := string(asked.subscription.encode(event))
			if (got == "") != (asked.wanted == "") || !strings.Contains(got, asked.wanted) {
				t.Errorf("%s of %s: got %q", row.record.Type, asked.subscription.Schema, got)
			}
		}
	}
}
