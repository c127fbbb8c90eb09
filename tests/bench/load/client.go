package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"
)

// client is one HTTP/1.1 connection with one request in flight. A plain one: net/http's client would
// cost more than what is measured.
type client struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	sentAt  time.Time
}

func dialClient(target *url.URL, request []byte) (*client, error) {
	conn, err := net.Dial("tcp", target.Host)
	if err != nil {
		return nil, err
	}
	if target.Scheme == "https" {
		// The certificate is the measurement's own, made a moment ago for loopback.
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	return &client{conn: conn, reader: bufio.NewReaderSize(conn, 16*1024), request: request}, nil
}

// buildRequest encodes the request that a client sends over and over.
func buildRequest(target *url.URL, body []byte, headers []string) []byte {
	var buffer bytes.Buffer
	fmt.Fprintf(&buffer, "POST %s HTTP/1.1\r\nHost: %s\r\n", target.RequestURI(), target.Host)
	fmt.Fprintf(&buffer, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	for _, header := range headers {
		buffer.WriteString(header + "\r\n")
	}
	buffer.WriteString("\r\n")
	buffer.Write(body)
	return buffer.Bytes()
}

func (c *client) send() error {
	c.sentAt = time.Now()
	_, err := c.conn.Write(c.request)
	return err
}

// receive reads one answer to its end and gives its status.
func (c *client) receive() (int, error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("not a status line: %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, err
	}
	length, err := c.readHeaders()
	if err != nil {
		return 0, err
	}
	_, err = io.CopyN(io.Discard, c.reader, length)
	return status, err
}

func (c *client) readHeaders() (length int64, err error) {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil {
				return 0, err
			}
		}
	}
}
