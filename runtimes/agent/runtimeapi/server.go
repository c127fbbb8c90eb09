package runtimeapi

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"

	"kubelambda.io/agent/quiet"
)

const (
	connectionsMax = 256
	readerBytes    = 4 * 1024
)

// Server accepts connections of the function's processes and answers their calls one by one.
type Server struct {
	Environment Environment

	listener net.Listener
	slots    chan struct{}
}

// Listen binds address; port 0 takes any.
func Listen(address string, environment Environment) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	slots := make(chan struct{}, connectionsMax)
	return &Server{Environment: environment, listener: listener, slots: slots}, nil
}

// Address is what AWS_LAMBDA_RUNTIME_API is to say.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close ends the listener; open connections end with their processes.
func (s *Server) Close() { _ = s.listener.Close() }

// Serve accepts until Close.
func (s *Server) Serve() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		select {
		case s.slots <- struct{}{}:
			go s.serve(conn)
		default:
			_ = conn.Close() // a function that opens so many harms itself only
		}
	}
}

func (s *Server) serve(accepted net.Conn) {
	defer func() { <-s.slots }()
	defer accepted.Close()
	conn := quiet.NewConn(accepted)
	conn.AllowWaits()
	waits := waits{}
	reader := bufio.NewReaderSize(conn, readerBytes)
	for {
		if waits.areShort() && len(s.slots) == 1 {
			conn.ExpectSoon() // nobody else is here, and the link has nothing to say before the runtime does
		}
		head, err := readRequest(reader)
		if err != nil {
			refuse(conn, err)
			return
		}
		if waits.arrived(head) && reader.Buffered() == 0 && len(s.slots) == 1 {
			conn.ExpectSoon()
		}
		if strings.EqualFold(head.headers.get("expect"), "100-continue") {
			_, _ = conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
		}
		call := &call{server: s, conn: conn, head: head, body: newBodyReader(reader, head)}
		reply, alive := call.answer()
		if alive && call.body.discard() != nil {
			head.close = true
		}
		if !alive || reply.writeTo(conn, head.close) != nil || head.close {
			return
		}
		waits.begin(head, reply)
	}
}

func refuse(conn *quiet.Conn, err error) {
	switch {
	case errors.Is(err, errMalformed):
		_ = textReply(400, "400 Bad Request").writeTo(conn, true)
	case errors.Is(err, errHeadTooLong):
		_ = textReply(431, "431 Request Header Fields Too Large").writeTo(conn, true)
	case errors.Is(err, io.EOF):
	}
}
