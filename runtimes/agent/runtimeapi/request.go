// Package runtimeapi serves the Runtime API to the function's process, on loopback.
//
// Contract: HTTP/1.1 as runtime clients speak it and the exact replies of spec/lambda.md, sections
// 1.1 to 1.5 and 1.7; what the calls mean is decided by the Environment. Its own small HTTP server
// and not net/http, which alone would double the agent's memory: only what is read here is needed.
package runtimeapi

import (
	"bufio"
	"errors"
	"strconv"
	"strings"
)

const (
	// headBytesMax leaves room for X-Ray causes of 1 MiB beside other headers.
	headBytesMax   = 1_310_720
	headerCountMax = 200
)

var (
	errMalformed   = errors.New("malformed request")
	errHeadTooLong = errors.New("request head too long")
)

// request is the head of one request; names of headers are in lower case.
type request struct {
	method        string
	path          string
	headers       map[string]string
	contentLength int64
	chunked       bool
	close         bool
}

// readRequest reads one request head; io.EOF when the client has closed between requests.
func readRequest(reader *bufio.Reader) (*request, error) {
	budget := headBytesMax
	line, err := readLine(reader, &budget)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "HTTP/1.") {
		return nil, errMalformed
	}
	path, _, _ := strings.Cut(parts[1], "?")
	parsed := &request{method: parts[0], path: path, close: parts[2] == "HTTP/1.0"}
	if parsed.headers, err = readHeaders(reader, &budget); err != nil {
		return nil, err
	}
	return parsed, parsed.readFraming()
}

func readHeaders(reader *bufio.Reader, budget *int) (map[string]string, error) {
	headers := make(map[string]string, 8)
	for range headerCountMax {
		line, err := readLine(reader, budget)
		if err != nil || line == "" {
			return headers, err
		}
		name, value, found := strings.Cut(line, ":")
		if !found || name == "" || strings.TrimSpace(name) != name {
			return nil, errMalformed
		}
		headers[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	return nil, errHeadTooLong
}

func (r *request) readFraming() error {
	if strings.EqualFold(r.headers["connection"], "close") {
		r.close = true
	}
	if encoding, found := r.headers["transfer-encoding"]; found {
		r.chunked = true
		if !strings.EqualFold(encoding, "chunked") {
			return errMalformed
		}
		return nil
	}
	text, found := r.headers["content-length"]
	if !found {
		return nil
	}
	length, err := strconv.ParseUint(text, 10, 62)
	if err != nil {
		return errMalformed
	}
	r.contentLength = int64(length)
	return nil
}

// readLine reads up to a line feed, without the line's end, taking its length from budget.
func readLine(reader *bufio.Reader, budget *int) (string, error) {
	var long []byte
	for {
		piece, err := reader.ReadSlice('\n')
		if *budget -= len(piece); *budget < 0 {
			return "", errHeadTooLong
		}
		if err == nil && long == nil {
			return strings.TrimRight(string(piece), "\r\n"), nil
		}
		long = append(long, piece...)
		if err == nil {
			return strings.TrimRight(string(long), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}
