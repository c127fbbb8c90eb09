package environment

import (
	"sync"

	"kubelambda.io/agent/link"
)

// streamBytesMax is 200 MB (spec/lambda.md, section 2.4).
const streamBytesMax = 209_715_200

const streamTooLargeBody = `{"errorMessage":"Response payload size exceeded maximum allowed ` +
	`payload size (209715200 bytes).","errorType":"Function.ResponseSizeTooLarge"}`

// stream takes a response that goes to the caller while it is being made. Its Write blocks for flow
// control, so it has a lock of its own and holds the connection that it began on.
type stream struct {
	mutex     sync.Mutex
	conn      *link.Conn
	requestID string
	ended     bool
	written   int64
}

func newStream(event *event) *stream {
	event.conn.BeginStream(link.ResponseHead{RequestID: event.RequestID, Mode: streaming})
	return &stream{conn: event.conn, requestID: event.RequestID}
}

// Write passes a piece on; false when the stream is over, or longer than AWS lets it be.
func (s *stream) Write(piece []byte) bool {
	s.mutex.Lock()
	if s.ended {
		s.mutex.Unlock()
		return false
	}
	if s.written+int64(len(piece)) > streamBytesMax {
		s.mutex.Unlock()
		s.end(responseTooLarge, []byte(streamTooLargeBody))
		return false
	}
	s.conn.Stream(piece)
	s.written += int64(len(piece))
	s.mutex.Unlock()
	return s.conn.WaitForRoom()
}

func (s *stream) bytes() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.written
}

func (s *stream) end(errorType string, cause []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.ended {
		s.ended = true
		s.conn.EndStream(s.requestID, errorType, cause)
	}
}
