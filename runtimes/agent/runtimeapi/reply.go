package runtimeapi

import (
	"encoding/json"
	"net"
	"strconv"
	"strings"

	"kubelambda.io/agent/quiet"
)

// Reply is what a call of the Runtime API is answered with.
type Reply struct {
	Status  int
	Headers [][2]string
	Body    [][]byte
}

const contentJSON = "application/json"

var statusTexts = map[int]string{
	200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 413: "Request Entity Too Large",
	431: "Request Header Fields Too Large", 500: "Internal Server Error",
}

var accepted = jsonReply(202, `{"status":"OK"}`)

// Accepted answers a posted response or error.
func Accepted() Reply { return accepted }

// Refusal answers with an error of spec/lambda.md, section 1.7.
func Refusal(status int, errorType, message string) Reply {
	body, _ := json.Marshal(struct {
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}{message, errorType})
	return jsonReply(status, string(body))
}

func jsonReply(status int, body string) Reply {
	return Reply{status, [][2]string{{"Content-Type", contentJSON}}, [][]byte{[]byte(body + "\n")}}
}

// Text answers 200 with plain text.
func Text(body string) Reply { return textReply(200, body) }

func textReply(status int, body string) Reply {
	headers := [][2]string{{"Content-Type", "text/plain; charset=utf-8"}}
	return Reply{status, headers, [][]byte{[]byte(body)}}
}

// oneLine keeps a value from ending its header.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func (r Reply) writeTo(conn *quiet.Conn, closing bool) error {
	length := 0
	for _, piece := range r.Body {
		length += len(piece)
	}
	head := make([]byte, 0, 1024)
	head = strconv.AppendInt(append(head, "HTTP/1.1 "...), int64(r.Status), 10)
	head = append(append(append(head, ' '), statusTexts[r.Status]...), "\r\n"...)
	for _, header := range r.Headers {
		head = append(append(head, header[0]...), ": "...)
		head = append(append(head, oneLine.Replace(header[1])...), "\r\n"...)
	}
	if closing {
		head = append(head, "Connection: close\r\n"...)
	}
	head = strconv.AppendInt(append(head, "Content-Length: "...), int64(length), 10)
	head = append(head, "\r\n\r\n"...)
	if length < largeBytes {
		for _, piece := range r.Body {
			head = append(head, piece...)
		}
		_, err := conn.Write(head)
		return err
	}
	buffers := append(net.Buffers{head}, r.Body...)
	_, err := buffers.WriteTo(conn)
	return err
}
