package runtimeapi

import (
	"encoding/json"
	"slices"
	"strings"

	"kubelambda.io/agent/extensions"
	"kubelambda.io/agent/telemetry"
)

const (
	extensionPrefix = "/2020-01-01/extension/"
	telemetryPath   = "/2022-07-01/telemetry"
	logsPath        = "/2020-08-15/logs"

	extensionNameHeader  = "lambda-extension-name"
	identifierHeader     = "lambda-extension-identifier"
	featureHeader        = "lambda-extension-accept-feature"
	extensionErrorHeader = "lambda-extension-function-error-type"

	// requestBytesMax bounds what extensions post.
	requestBytesMax = 256 * 1024
)

// Extensions decides what the calls of extensions mean. Its methods answer with the reply to send; all
// but NextExtensionEvent return at once.
type Extensions interface {
	// RegisterExtension takes a call of register; withAccount asks for the account's id.
	RegisterExtension(name string, events []extensions.Event, withAccount bool) Reply
	// NextExtensionEvent blocks until there is an event; false when the environment has ended.
	NextExtensionEvent(identifier string) (Reply, bool)
	// FailExtension takes init/error or, where exiting, exit/error.
	FailExtension(identifier, errorType string, exiting bool) Reply
	// Subscribe takes a subscription to telemetry.
	Subscribe(identifier string, api telemetry.API, body []byte) Reply
}

// RefusedExtension answers with 403.
func RefusedExtension(refusal extensions.Refusal) Reply {
	return Refusal(403, refusal.Type, refusal.Message)
}

// JSON answers 200 with a body that must be one that encodes.
func JSON(body any, headers ...[2]string) Reply {
	text, _ := json.Marshal(body)
	reply := jsonReply(200, string(text))
	reply.Headers = append(reply.Headers, headers...)
	return reply
}

// answerExtension routes what is not the runtime's; false where it is nobody's.
func (c *call) answerExtension() (Reply, bool, bool) {
	var reply Reply
	alive := true
	switch path := strings.TrimSuffix(c.head.path, "/"); path {
	case telemetryPath:
		reply, alive = c.only("PUT", func() (Reply, bool) { return c.subscribe(telemetry.TelemetryAPI) })
	case logsPath:
		reply, alive = c.only("PUT", func() (Reply, bool) { return c.subscribe(telemetry.LogsAPI) })
	case extensionPrefix + "register":
		reply, alive = c.only("POST", c.register)
	case extensionPrefix + "event/next":
		reply, alive = c.only("GET", c.nextExtensionEvent)
	case extensionPrefix + "init/error":
		reply, alive = c.only("POST", func() (Reply, bool) { return c.failExtension(false), true })
	case extensionPrefix + "exit/error":
		reply, alive = c.only("POST", func() (Reply, bool) { return c.failExtension(true), true })
	default:
		return Reply{}, true, false
	}
	return reply, alive, true
}

func (c *call) register() (Reply, bool) {
	name := c.head.headers.get(extensionNameHeader)
	if name == "" {
		refusal := extensions.Refusal{Type: extensions.InvalidName, Message: "Empty extension name"}
		return RefusedExtension(refusal), true
	}
	body, refusal, alive := c.readRequest()
	if refusal != nil || !alive {
		return *orReply(refusal), alive
	}
	var given struct {
		Events            []extensions.Event `json:"events"`
		ConfigurationKeys []string           `json:"configurationKeys"`
	}
	err := json.Unmarshal(body, &given)
	problem := ""
	switch {
	case err != nil:
		problem = err.Error()
	case len(given.ConfigurationKeys) > 0:
		problem = "configurationKeys are deprecated; use environment variables instead"
	}
	if problem != "" {
		refusal := extensions.Refusal{Type: extensions.InvalidFormat, Message: problem}
		return RefusedExtension(refusal), true
	}
	return c.server.Environment.RegisterExtension(name, given.Events, c.accepts("accountId")), true
}

func (c *call) accepts(feature string) bool {
	features := strings.Split(c.head.headers.get(featureHeader), ",")
	return slices.ContainsFunc(features, func(name string) bool {
		return strings.TrimSpace(name) == feature
	})
}

func (c *call) nextExtensionEvent() (Reply, bool) {
	identifier, refusal := c.identifier()
	if refusal != nil {
		return *refusal, true
	}
	return c.server.Environment.NextExtensionEvent(identifier)
}

func (c *call) failExtension(exiting bool) Reply {
	identifier, refusal := c.identifier()
	if refusal != nil {
		return *refusal
	}
	errorType := c.head.headers.get(extensionErrorHeader)
	if errorType == "" {
		return RefusedExtension(extensions.Refusal{
			Type:    extensions.MissingHeader,
			Message: "Lambda-Extension-Function-Error-Type not found",
		})
	}
	return c.server.Environment.FailExtension(identifier, errorType, exiting)
}

func (c *call) subscribe(api telemetry.API) (Reply, bool) {
	identifier, refusal := c.identifier()
	if refusal != nil {
		return *refusal, true
	}
	body, refusal, alive := c.readRequest()
	if refusal != nil || !alive {
		return *orReply(refusal), alive
	}
	return c.server.Environment.Subscribe(identifier, api, body), true
}

func (c *call) identifier() (string, *Reply) {
	identifier := c.head.headers.get(identifierHeader)
	if refusal := extensions.CheckIdentifier(identifier); refusal != nil {
		reply := RefusedExtension(*refusal)
		return "", &reply
	}
	return identifier, nil
}

// readRequest reads a body; false where the client has gone.
func (c *call) readRequest() ([]byte, *Reply, bool) {
	pieces, kind := c.body.collect(requestBytesMax)
	switch kind {
	case Truncated:
		return nil, nil, false
	case TooLarge:
		reply := Refusal(413, "RequestEntityTooLarge", "Request body is too large")
		return nil, &reply, true
	}
	var body []byte
	for _, piece := range pieces {
		body = append(body, piece...)
	}
	return body, nil, true
}

func orReply(reply *Reply) *Reply {
	if reply == nil {
		return &Reply{}
	}
	return reply
}
