package runtimeapi

import (
	"bytes"
	"encoding/json"
)

const causeContentType = "application/vnd.aws.lambda.error.cause+json"

// stripCause leaves out errorCause, which is for tracing only; anything unreadable stays as it is.
func stripCause(body []byte) []byte {
	var whole struct {
		ErrorMessage json.RawMessage `json:"errorMessage,omitempty"`
		ErrorType    json.RawMessage `json:"errorType,omitempty"`
		StackTrace   json.RawMessage `json:"stackTrace,omitempty"`
	}
	if json.Unmarshal(body, &whole) != nil {
		return body
	}
	var stripped bytes.Buffer
	encoder := json.NewEncoder(&stripped)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(whole) != nil {
		return body
	}
	return bytes.TrimSuffix(stripped.Bytes(), []byte("\n"))
}
