package telemetry

import (
	"strings"
	"testing"
	"time"
)

const toHTTP = `"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080"}`

func TestAWrongSubscriptionSaysAllThatIsWrong(t *testing.T) {
	for _, row := range []struct{ body, wanted string }{
		{`{"schemaVersion":`, "failed to parse JSON: unexpected end of JSON input"},
		{`[]`, "failed to parse JSON: json: cannot unmarshal array into Go value of type telemetry.request"},
		{`{"types":["platform"],` + toHTTP + `}`, "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"},
		{`{"schemaVersion":"2020-08-15","types":["platform"],` + toHTTP + `}`, "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29"},
		{`{"schemaVersion":"2022-12-13",` + toHTTP + `}`, "types should not be empty"},
		{`{"schemaVersion":"2022-12-13","types":["all"],` + toHTTP + `}`, "types should be platform, function or extension"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"maxItems":999},` + toHTTP + `}`, "maxItems should be between 1000 and 10000"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"maxBytes":1048577},` + toHTTP + `}`, "maxBytes should be between 262144 and 1048576"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"buffering":{"timeoutMs":24},` + toHTTP + `}`, "timeoutMs should be between 25 and 30000"},
		{`{"schemaVersion":"2022-12-13","types":["platform"]}`, "destination protocol should be HTTP or TCP"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP"}}`, "destination URI is not provided"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"TCP"}}`, "destination port should be between 1 and 65535"},
		{`{"schemaVersion":"2022-12-13","types":[],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain"}}`, "types should not be empty; URI port is not provided"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","URI":"https://sandbox.localdomain:1"}}`, "destination URI should begin with http://"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","method":"GET","URI":"http://sandbox:1"}}`, "destination method should be POST or PUT"},
		{`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox:1/a\r\nb"}}`, "destination URI is malformed"},
	} {
		_, err := Parse(TelemetryAPI, []byte(row.body))
		if err == nil || err.Error() != row.wanted {
			t.Errorf("%s: got %v", row.body, err)
		}
	}
}

func TestOnlyTheEnvironmentItselfIsSentTo(t *testing.T) {
	parse := func(host string) (Subscription, error) {
		return Parse(TelemetryAPI, []byte(`{"schemaVersion":"2022-12-13","types":["platform"],`+
			`"destination":{"protocol":"HTTP","URI":"http://`+host+`:8080/path?x=1"}}`))
	}
	for _, host := range []string{"example.com", "10.0.0.1", "169.254.169.254", "127.0.0.1.example.com", "[fe80::1]", "0.0.0.0", ""} {
		if _, err := parse(host); err == nil || !strings.Contains(err.Error(), "URI host should be sandbox.localdomain") {
			t.Errorf("%s: got %v", host, err)
		}
	}
	for host, address := range map[string]string{
		"sandbox.localdomain": "127.0.0.1:8080", "sandbox": "127.0.0.1:8080", "localhost": "127.0.0.1:8080",
		"127.0.0.2": "127.0.0.2:8080", "[::1]": "[::1]:8080",
	} {
		got, err := parse(host)
		wanted := Destination{Address: address, Method: "POST", Path: "/path?x=1", Host: host + ":8080"}
		if err != nil || got.Destination != wanted {
			t.Errorf("%s: got %+v %v", host, got.Destination, err)
		}
	}
}

func TestWhatASubscriptionLeavesOutHasDefaults(t *testing.T) {
	for _, row := range []struct {
		api    API
		body   string
		schema string
		wanted Buffering
	}{
		{TelemetryAPI, `{"schemaVersion":"2022-07-01","types":["function"],` + toHTTP + `}`, "2022-07-01", Buffering{1_000, 262_144, time.Second}},
		{LogsAPI, `{"types":["function"],` + toHTTP + `}`, "2020-08-15", Buffering{10_000, 262_144, time.Second}},
		{LogsAPI, `{"schemaVersion":"2021-03-18","types":["function"],"buffering":{"timeoutMs":25,"maxItems":1000,"maxBytes":1048576},` + toHTTP + `}`, "2021-03-18", Buffering{1_000, 1_048_576, 25 * time.Millisecond}},
		{TelemetryAPI, `{"schemaVersion":"2025-01-29","types":["function","function"],"destination":{"protocol":"TCP","port":80}}`, "2025-01-29", Buffering{1_000, 262_144, time.Second}},
	} {
		got, err := Parse(row.api, []byte(row.body))
		if err != nil || got.Buffering != row.wanted || got.Schema != row.schema || len(got.Types) != 1 {
			t.Errorf("%s: got %+v %v", row.body, got, err)
		}
	}
}
