// Package runtimeapi serves the Runtime API to the function's process, on loopback.
//
// Contract: HTTP/1.1 as runtime clients speak it and the exact replies of spec/lambda.md, sections
// 1.1 to 1.5 and 1.7; what the calls mean is decided by the Environment. Its own small HTTP server
// and not net/http, which alone would double the agent's memory: only what is read here is needed.
package runtimeapi

import (
	"bufio"
	"bytes"
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

// request is the head of one request.
type request struct {
	method        string
	path          string
	headers       headers
	contentLength int64
	chunked       bool
	close         bool
}

// headers are those of a request, or trailers, in their order.
type headers []struct{ name, value string }

// get gives the value of a header; of several of one name the last, and "" where there is none.
func (h headers) get(name string) string {
	value, _ := h.find(name)
	return value
}

func (h headers) find(name string) (value string, found bool) {
	for at := len(h) - 1; at >= 0; at-- {
		if len(h[at].name) == len(name) && strings.EqualFold(h[at].name, name) {
			return h[at].value, true
		}
	}
	return "", false
}

// readRequest reads one request head; io.EOF when the client has closed between requests.
func readRequest(reader *bufio.Reader) (*request, error) {
	lines := newLines(reader)
	line, err := lines.next()
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(line, " ")
	target, version, found := strings.Cut(rest, " ")
	if !found || strings.Contains(version, " ") || !strings.HasPrefix(version, "HTTP/1.") {
		return nil, errMalformed
	}
	path, _, _ := strings.Cut(target, "?")
	parsed := &request{method: method, path: path, close: version == "HTTP/1.0"}
	if parsed.headers, err = readHeaders(lines); err != nil {
		return nil, err
	}
	lines.end()
	return parsed, parsed.readFraming()
}

func readHeaders(lines *lines) (headers, error) {
	found := make(headers, 0, 8)
	for range headerCountMax {
		line, err := lines.next()
		if err != nil || line == "" {
			return found, err
		}
		name, value, isHeader := strings.Cut(line, ":")
		if !isHeader || name == "" || strings.TrimSpace(name) != name {
			return nil, errMalformed
		}
		found = append(found, struct{ name, value string }{name, strings.TrimSpace(value)})
	}
	return nil, errHeadTooLong
}

func (r *request) readFraming() error {
	if strings.EqualFold(r.headers.get("connection"), "close") {
		r.close = true
	}
	if encoding, found := r.headers.find("transfer-encoding"); found {
		r.chunked = true
		if !strings.EqualFold(encoding, "chunked") {
			return errMalformed
		}
		return nil
	}
	text, found := r.headers.find("content-length")
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

// lines reads the lines of one head, without their ends.
type lines struct {
	reader *bufio.Reader
	// text is what is left of a head that has come in one piece: one string for all of its lines.
	text   string
	used   int
	budget int
}

var headEnd = []byte("\r\n\r\n")

func newLines(reader *bufio.Reader) *lines {
	found := &lines{reader: reader, budget: headBytesMax}
	if _, err := reader.Peek(1); err != nil {
		return found // next meets it again
	}
	buffered, _ := reader.Peek(reader.Buffered())
	if end := bytes.Index(buffered, headEnd); end >= 0 {
		found.text = string(buffered[:end+len(headEnd)])
	}
	return found
}

// next gives the next line, an empty one at the end of the head.
func (l *lines) next() (string, error) {
	if l.text == "" {
		return readLine(l.reader, &l.budget)
	}
	line, rest, _ := strings.Cut(l.text, "\n")
	l.used += len(line) + 1
	l.text = rest
	return strings.TrimRight(line, "\r"), nil
}

// end is due after the last line: what is left of text belongs to the body.
func (l *lines) end() {
	_, _ = l.reader.Discard(l.used)
	l.text, l.used = "", 0
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
