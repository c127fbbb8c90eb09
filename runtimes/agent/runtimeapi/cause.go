package runtimeapi

import "encoding/json"

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
	stripped, err := json.Marshal(whole)
	if err != nil {
		return body
	}
	return stripped
}
