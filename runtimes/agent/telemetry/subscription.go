// Package telemetry sends what an environment does and prints to the extensions that subscribed to it
// with the Telemetry API or the Logs API.
//
// Contract: never waits for a subscriber and never keeps more than a subscriber allowed: what does not
// fit is counted and told as platform.logsDropped. Sends to the environment itself only. Behaviour:
// spec/lambda.md, section 1.12, and the Logs API's page in the developer guide.
package telemetry

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// API is the one of the two that a subscription came by.
type API string

// The two interfaces.
const (
	TelemetryAPI API = "telemetry"
	LogsAPI      API = "logs"
)

// Category is a kind of events that is subscribed to as one.
type Category string

// The categories.
const (
	Platform  Category = "platform"
	Function  Category = "function"
	Extension Category = "extension"
)

// Schema versions; without one a subscription to the Logs API has the oldest.
const (
	schemaLogs2020      = "2020-08-15"
	schemaLogs2021      = "2021-03-18"
	schemaTelemetry2022 = "2022-07-01"
)

var schemaVersions = map[API][]string{
	LogsAPI:      {schemaLogs2020, schemaLogs2021},
	TelemetryAPI: {schemaTelemetry2022, "2022-12-13", "2025-01-29"},
}

// Buffering bounds what is kept for a subscriber and for how long.
type Buffering struct {
	MaxItems int
	MaxBytes int
	Timeout  time.Duration
}

// Subscription is a valid request.
type Subscription struct {
	API         API
	Schema      string
	Types       []string
	Buffering   Buffering
	Destination Destination
}

func (s Subscription) wants(category Category) bool {
	return slices.Contains(s.Types, string(category))
}

type request struct {
	SchemaVersion string             `json:"schemaVersion"`
	Types         []string           `json:"types"`
	Buffering     bufferingRequest   `json:"buffering"`
	Destination   destinationRequest `json:"destination"`
}

type bufferingRequest struct {
	MaxItems  *int `json:"maxItems"`
	MaxBytes  *int `json:"maxBytes"`
	TimeoutMs *int `json:"timeoutMs"`
}

// Parse reads and judges a request; its error names everything that is wrong.
func Parse(api API, body []byte) (Subscription, error) {
	var given request
	if err := json.Unmarshal(body, &given); err != nil {
		return Subscription{}, errors.New("failed to parse JSON: " + err.Error())
	}
	subscription := Subscription{API: api, Schema: given.SchemaVersion, Types: distinct(given.Types)}
	if api == LogsAPI && subscription.Schema == "" {
		subscription.Schema = schemaLogs2020
	}
	var problems []string
	if !slices.Contains(schemaVersions[api], subscription.Schema) {
		problems = append(problems, "schemaVersion should be one of "+
			strings.Join(schemaVersions[api], ", "))
	}
	problems = append(problems, checkTypes(given.Types)...)
	buffering, wrong := given.Buffering.read(api)
	destination, alsoWrong := given.Destination.read()
	problems = append(append(problems, wrong...), alsoWrong...)
	if len(problems) > 0 {
		return Subscription{}, errors.New(strings.Join(problems, "; "))
	}
	subscription.Buffering, subscription.Destination = buffering, destination
	return subscription, nil
}

func distinct(types []string) []string {
	var kept []string
	for _, name := range types {
		if !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

func checkTypes(types []string) []string {
	if len(types) == 0 {
		return []string{"types should not be empty"}
	}
	for _, name := range types {
		switch Category(name) {
		case Platform, Function, Extension:
		default:
			return []string{"types should be platform, function or extension"}
		}
	}
	return nil
}

func (b bufferingRequest) read(api API) (Buffering, []string) {
	items := 1_000
	if api == LogsAPI {
		items = 10_000
	}
	var problems []string
	within := func(name string, value *int, otherwise, least, most int) int {
		if value == nil {
			return otherwise
		}
		if *value < least || *value > most {
			problems = append(problems, outOfRange(name, least, most))
		}
		return *value
	}
	buffering := Buffering{
		MaxItems: within("maxItems", b.MaxItems, items, 1_000, 10_000),
		MaxBytes: within("maxBytes", b.MaxBytes, 262_144, 262_144, 1_048_576),
		Timeout:  time.Duration(within("timeoutMs", b.TimeoutMs, 1_000, 25, 30_000)) * time.Millisecond,
	}
	return buffering, problems
}
