package link

import (
	"encoding/json"
	"math"
	"strconv"
)

// The control frames of an event, written and read without reflection: encoding/json was a tenth of what an
// event cost. What is not plain (text that JSON escapes, members that are not known, white space in odd
// places) is left to encoding/json, so that both give the same bytes and take the same texts; a test
// compares them.

// appendText appends text in JSON.
func appendText(dst []byte, text string) []byte {
	for at := 0; at < len(text); at++ {
		if !isPlain(text[at]) {
			quoted, _ := json.Marshal(text)
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"')
}

// isPlain says whether a byte stands for itself inside a JSON string, also where HTML is escaped.
func isPlain(char byte) bool {
	return char >= ' ' && char < 0x7f && char != '"' && char != '\\' && char != '<' && char != '>' && char != '&'
}

// appendNumber appends a number as encoding/json writes it.
func appendNumber(dst []byte, number float64) []byte {
	if size := math.Abs(number); size != 0 && (size < 1e-6 || size >= 1e21) {
		text, _ := json.Marshal(number) // empty for what is no number, as in controlFrame
		return append(dst, text...)
	}
	return strconv.AppendFloat(dst, number, 'f', -1, 64)
}

func appendResponseHead(dst []byte, head ResponseHead) []byte {
	dst = appendText(append(dst, `{"requestId":`...), head.RequestID)
	dst = strconv.AppendBool(append(dst, `,"functionError":`...), head.FunctionError)
	dst = appendText(append(dst, `,"errorType":`...), head.ErrorType)
	dst = appendText(append(dst, `,"mode":`...), head.Mode)
	dst = appendText(append(dst, `,"contentType":`...), head.ContentType)
	return append(dst, '}')
}

// appendResponseEnd appends the end of a response that did not break off.
func appendResponseEnd(dst []byte, requestID string) []byte {
	return append(appendText(append(dst, `{"requestId":`...), requestID), '}')
}

// appendIdle appends a report without a tail, whose text is the caller's to send by encoding/json.
func appendIdle(dst []byte, report IdleReport) []byte {
	dst = appendText(append(dst, `{"requestId":`...), report.RequestID)
	dst = appendText(append(dst, `,"status":`...), report.Status)
	dst = appendText(append(dst, `,"errorType":`...), report.ErrorType)
	dst = appendNumber(append(dst, `,"durationMs":`...), report.DurationMs)
	dst = strconv.AppendInt(append(dst, `,"billedMs":`...), report.BilledMs, 10)
	dst = strconv.AppendInt(append(dst, `,"maxMemoryMB":`...), report.MaxMemoryMB, 10)
	if report.InitMs != nil {
		dst = appendNumber(append(dst, `,"initMs":`...), *report.InitMs)
	}
	return append(dst, '}')
}

// decodeEventHead fills head from the payload of invoke.
func decodeEventHead(payload []byte, head *EventHead) error {
	if readPlainHead(payload, head) {
		return nil
	}
	*head = EventHead{}
	return DecodeControl(payload, head)
}

// readPlainHead reads a head as gateways write it; false, with head half filled, for any other.
func readPlainHead(payload []byte, head *EventHead) bool {
	text := plainText{rest: payload}
	if !text.take('{') {
		return false
	}
	for {
		if !text.readMember(head) {
			return false
		}
		if text.take('}') {
			return len(skipSpace(text.rest)) == 0
		}
		if !text.take(',') {
			return false
		}
	}
}

// plainText is what is still to be read of an object.
type plainText struct{ rest []byte }

// take passes over spaces and then char, where that comes next.
func (t *plainText) take(char byte) bool {
	for len(t.rest) > 0 && t.rest[0] == ' ' {
		t.rest = t.rest[1:]
	}
	if len(t.rest) == 0 || t.rest[0] != char {
		return false
	}
	t.rest = t.rest[1:]
	return true
}

func (t *plainText) readMember(head *EventHead) bool {
	name, found := t.readString()
	if !found || !t.take(':') {
		return false
	}
	switch string(name) {
	case "requestId":
		return t.setString(&head.RequestID)
	case "timeoutMs":
		return t.setInteger(&head.TimeoutMs)
	case "invokedArn":
		return t.setString(&head.InvokedARN)
	case "traceId":
		return t.setString(&head.TraceID)
	case "clientContext":
		return t.setString(&head.ClientContext)
	case "cognitoIdentity":
		return t.setString(&head.CognitoIdentity)
	case "tail":
		return t.setBool(&head.Tail)
	case "stream":
		return t.setBool(&head.Stream)
	case "contentLength":
		return t.setInteger(&head.ContentLength)
	}
	return false
}

// readString reads a string of plain bytes; what JSON may escape is plain here where it is not escaped.
func (t *plainText) readString() ([]byte, bool) {
	if !t.take('"') {
		return nil, false
	}
	for at, char := range t.rest {
		switch {
		case char == '"':
			text := t.rest[:at]
			t.rest = t.rest[at+1:]
			return text, true
		case char == '\\' || char < ' ' || char >= 0x7f:
			return nil, false
		}
	}
	return nil, false
}

func (t *plainText) setString(field *string) bool {
	text, found := t.readString()
	if found {
		*field = string(text)
	}
	return found
}

// integerDigitsMax keeps what is read within 64 bits.
const integerDigitsMax = 18

// setInteger reads an integer that is not negative.
func (t *plainText) setInteger(field *int64) bool {
	_ = t.take(' ') // only for the spaces before
	digits := 0
	for digits < len(t.rest) && t.rest[digits] >= '0' && t.rest[digits] <= '9' {
		digits++
	}
	if digits == 0 || digits > integerDigitsMax || (t.rest[0] == '0' && digits > 1) {
		return false
	}
	value, err := strconv.ParseInt(string(t.rest[:digits]), 10, 64)
	t.rest = t.rest[digits:]
	*field = value
	return err == nil
}

func (t *plainText) setBool(field *bool) bool {
	_ = t.take(' ')
	for _, value := range [...]bool{false, true} {
		text := strconv.FormatBool(value)
		if len(t.rest) >= len(text) && string(t.rest[:len(text)]) == text {
			t.rest = t.rest[len(text):]
			*field = value
			return true
		}
	}
	return false
}
