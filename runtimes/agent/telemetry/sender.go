package telemetry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	dialPatience = 5 * time.Second
	// answerBytesMax is the most that is read of what a subscriber answers.
	answerBytesMax = 64 * 1024
)

var (
	errRefused = errors.New("the subscriber refused the batch")
	errClosed  = errors.New("the subscription is over")
)

// sender carries batches to a destination. A send waits as long as the subscriber takes (it may be
// frozen with its environment); close ends it.
type sender struct {
	destination Destination
	mutex       sync.Mutex
	conn        net.Conn
	closed      bool
}

func (s *sender) send(batch [][]byte) error {
	if s.destination.Stream {
		return s.stream(batch)
	}
	return s.post(batch)
}

func (s *sender) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// stream writes lines on one connection that stays.
func (s *sender) stream(batch [][]byte) error {
	conn, err := s.open()
	if err != nil {
		return err
	}
	text := append(bytes.Join(batch, []byte("\n")), '\n')
	if _, err := conn.Write(text); err != nil {
		s.drop()
		return err
	}
	return nil
}

// post makes one request, on a connection of its own: it may have been cut while all was frozen.
func (s *sender) post(batch [][]byte) error {
	conn, err := s.open()
	if err != nil {
		return err
	}
	defer s.drop()
	body := bytes.Join(batch, []byte(","))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n[",
		s.destination.Method, s.destination.Path, s.destination.Host, len(body)+2)
	request := net.Buffers{[]byte(head), body, []byte("]")}
	if _, err := request.WriteTo(conn); err != nil {
		return err
	}
	return readAnswer(bufio.NewReaderSize(conn, 1024))
}

// readAnswer takes the status and, so that the subscriber can write its whole answer, the body where
// its length is told.
func readAnswer(reader *bufio.Reader) error {
	status, err := reader.ReadString('\n')
	if err != nil {
		return err
	}
	length := 0
	for line := status; strings.TrimSpace(line) != ""; {
		if line, err = reader.ReadString('\n'); err != nil {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	_, _ = io.CopyN(io.Discard, reader, int64(min(max(length, 0), answerBytesMax)))
	fields := strings.Fields(status)
	if len(fields) < 2 || !strings.HasPrefix(fields[1], "2") {
		return errRefused
	}
	return nil
}

func (s *sender) open() (net.Conn, error) {
	s.mutex.Lock()
	conn, closed := s.conn, s.closed
	s.mutex.Unlock()
	if conn != nil || closed {
		return conn, closedError(closed)
	}
	conn, err := net.DialTimeout("tcp", s.destination.Address, dialPatience)
	if err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		_ = conn.Close()
	} else {
		s.conn = conn
	}
	return conn, closedError(s.closed)
}

func closedError(closed bool) error {
	if closed {
		return errClosed
	}
	return nil
}

func (s *sender) drop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
