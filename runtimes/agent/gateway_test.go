package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// gateway is the other end of the link, for tests: one listener, as many connections as dial.
type gateway struct {
	t        testing.TB
	listener net.Listener
	key      []byte
	epoch    int64
	welcomes chan *session
	once     sync.Once
	// greeting may answer a dial otherwise than with the upgrade.
	greeting func() string
	// verdict may answer a hello otherwise than with welcome.
	verdict func(hello map[string]any) (link.Type, map[string]any)
}

// session is one welcomed connection.
type session struct {
	t      testing.TB
	conn   net.Conn
	hello  map[string]any
	frames chan link.Frame

	answeredPings int
}

const greeting = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" +
	"Upgrade: kubelambda-link/1\r\n\r\n"

func newGateway(t testing.TB, key []byte) *gateway {
	t.Helper()
	return newGatewayAt(t, key, "127.0.0.1:0")
}

func newGatewayAt(t testing.TB, key []byte, address string) *gateway {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, listener: listener, key: key, welcomes: make(chan *session, 8)}
	t.Cleanup(func() { _ = listener.Close() })
	return g
}

// start accepts, once; fields of the gateway are set before it.
func (g *gateway) start() { g.once.Do(func() { go g.accept() }) }

func (g *gateway) address() string { return g.listener.Addr().String() }

func (g *gateway) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			if err := g.serve(conn); err != nil {
				_ = conn.Close()
			}
		}()
	}
}

func (g *gateway) serve(conn net.Conn) error {
	buffered := bufio.NewReaderSize(conn, 16*1024)
	for {
		line, err := buffered.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" {
			break
		}
	}
	nonce := strings.Repeat("0123456789abcdef", 2)
	head := greeting
	if g.greeting != nil {
		head = g.greeting()
	}
	if _, err := io.WriteString(conn, head); err != nil {
		return err
	}
	s := &session{t: g.t, conn: conn, frames: make(chan link.Frame, 4096)}
	s.send(link.Challenge, map[string]any{"version": 1, "nonce": nonce})
	reader := link.NewReader(buffered)
	frame, err := reader.Next()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(frame.Payload, &s.hello); err != nil {
		return err
	}
	uid, pod := s.hello["uid"].(string), s.hello["pod"].(string)
	agentNonce := s.hello["nonce"].(string)
	if s.hello["proof"] != link.AgentProof(g.key, nonce, agentNonce, uid, pod) {
		return fmt.Errorf("wrong proof")
	}
	kind, fields := link.Welcome, map[string]any{"epoch": g.epoch}
	if g.verdict != nil {
		kind, fields = g.verdict(s.hello)
	}
	if _, given := fields["proof"]; !given {
		fields["proof"] = link.GatewayProof(g.key, nonce, agentNonce, uid, pod)
	}
	s.send(kind, fields)
	if kind != link.Welcome {
		return io.EOF
	}
	reader.Authenticated = true
	g.welcomes <- s
	for {
		frame, err := reader.Next()
		if err != nil {
			close(s.frames)
			return err
		}
		s.frames <- frame
	}
}

// session waits for the next welcomed connection.
func (g *gateway) session() *session {
	g.t.Helper()
	g.start()
	select {
	case s := <-g.welcomes:
		return s
	case <-time.After(30 * time.Second):
		g.t.Fatal("no agent dialled within 30 s")
		return nil
	}
}

func (s *session) send(kind link.Type, fields map[string]any) {
	payload, _ := json.Marshal(fields)
	s.sendRaw(kind, payload)
}

func (s *session) sendRaw(kind link.Type, payload []byte) {
	_, _ = s.conn.Write(link.AppendFrame(nil, kind, payload))
}

func (s *session) configure(changes map[string]any) {
	fields := map[string]any{
		"functionName": "hello", "functionVersion": "$LATEST",
		"invokedArn":   "arn:aws:lambda:us-east-1:123456789012:function:hello",
		"memorySizeMB": 128, "timeoutMs": 3000, "initTimeoutMs": 10_000,
		"initializationType": "on-demand", "handler": "app.handler",
		"environment":       map[string]string{"AWS_REGION": "us-east-1"},
		"runtimeVersion":    "test:1",
		"runtimeVersionArn": "arn:aws:lambda:us-east-1::runtime:test",
		"logFormat":         "Text",
		"code":              map[string]any{"inline": map[string]string{"app.txt": "code"}},
	}
	for name, value := range changes {
		fields[name] = value
	}
	s.send(link.Configure, fields)
}

// invoke sends one event with body; changes overrides fields of the head.
func (s *session) invoke(requestID string, body []byte, changes map[string]any) {
	fields := map[string]any{
		"requestId": requestID, "timeoutMs": 3000,
		"invokedArn":    "arn:aws:lambda:us-east-1:123456789012:function:hello",
		"traceId":       "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
		"clientContext": "", "cognitoIdentity": "", "tail": false, "contentLength": len(body),
	}
	for name, value := range changes {
		fields[name] = value
	}
	head, _ := json.Marshal(fields)
	wire := link.AppendFrame(nil, link.Invoke, head)
	for len(body) > 0 {
		piece := body[:min(len(body), link.BodyBytesMax)]
		wire = link.AppendFrame(wire, link.InvokeBody, piece)
		body = body[len(piece):]
	}
	_, _ = s.conn.Write(link.AppendFrame(wire, link.InvokeEnd, []byte("{}")))
}

// frame gives the next frame that is no ping, pong or credit; it answers pings and pays credit.
func (s *session) frame() (link.Frame, bool) {
	s.t.Helper()
	for {
		select {
		case frame, open := <-s.frames:
			switch {
			case !open:
				return link.Frame{}, false
			case frame.Type == link.Ping:
				s.answerPing()
			case frame.Type == link.ResponseBody:
				_, _ = s.conn.Write(link.AppendCredit(nil, len(frame.Payload)))
				return frame, true
			case frame.Type != link.Credit && frame.Type != link.Pong:
				return frame, true
			}
		case <-time.After(30 * time.Second):
			s.t.Fatal("no frame within 30 s")
		}
	}
}

func (s *session) answerPing() {
	s.sendRaw(link.Pong, nil)
	s.answeredPings++
}

// waitFor reads, answering pings, until a frame of this type has come.
func (s *session) waitFor(kind link.Type) {
	s.t.Helper()
	for {
		select {
		case frame, open := <-s.frames:
			if !open {
				s.t.Fatalf("the link closed in place of frame 0x%02x", uint8(kind))
			}
			if frame.Type == link.Ping {
				s.answerPing()
			}
			if frame.Type == kind {
				return
			}
		case <-time.After(30 * time.Second):
			s.t.Fatalf("no frame 0x%02x within 30 s", uint8(kind))
		}
	}
}

// control waits for a control frame of this very type and gives its fields.
func (s *session) control(kind link.Type) map[string]any {
	s.t.Helper()
	frame, open := s.frame()
	if !open {
		s.t.Fatalf("the link closed in place of frame 0x%02x", uint8(kind))
	}
	if frame.Type != kind {
		s.t.Fatalf("frame 0x%02x (%s) in place of 0x%02x", uint8(frame.Type), frame.Payload, uint8(kind))
	}
	fields := map[string]any{}
	if err := json.Unmarshal(frame.Payload, &fields); err != nil {
		s.t.Fatal(err)
	}
	return fields
}

// answer is a whole response.
type answer struct {
	head map[string]any
	body []byte
	end  map[string]any
}

func (s *session) response() answer {
	s.t.Helper()
	got := answer{head: s.control(link.Response)}
	for {
		frame, open := s.frame()
		switch {
		case !open:
			s.t.Fatal("the link closed inside a response")
		case frame.Type == link.ResponseBody:
			got.body = append(got.body, frame.Payload...)
		case frame.Type == link.ResponseEnd:
			_ = json.Unmarshal(frame.Payload, &got.end)
			return got
		default:
			s.t.Fatalf("frame 0x%02x inside a response", uint8(frame.Type))
		}
	}
}

// closed waits for the end of the connection.
func (s *session) closed() {
	s.t.Helper()
	if frame, open := s.frame(); open {
		s.t.Fatalf("frame 0x%02x in place of the end of the link", uint8(frame.Type))
	}
}
