package link

import (
	"bufio"
	"time"

	"kubelambda.io/agent/quiet"
)

// Timers of docs/link.md, section 6.
const (
	pingAfter    = 5 * time.Second
	silenceMax   = 20 * time.Second
	authenticate = 5 * time.Second
	readerBytes  = 8 * 1024
	// heardStep is how exact silence is measured: moving the deadline with each frame would cost.
	heardStep = time.Second
	// pollEvery is how often Go's poller has its turn while events follow each other without a pause: it alone
	// notices connections of other processes, and what else is open.
	pollEvery = 50 * time.Millisecond
)

// causeBytesMax leaves room for it in a control frame, however much of it has to be escaped.
const causeBytesMax = 128 * 1024

// A response of at most smallBytesMax is sent as one piece; smallHeadBytes is more than its heads usually
// take.
const (
	smallBytesMax  = 8 * 1024
	smallHeadBytes = 512
)

// Conn is one authenticated connection to one gateway. Its methods queue and never block, except
// WaitForRoom.
type Conn struct {
	net    *quiet.Conn
	reader *Reader
	out    *outgoing
	done   chan struct{}
	heard  time.Time
	// nextEvent forecasts how long it takes from the end of an event to the next; polledAt is when the poller
	// had its turn last.
	nextEvent quiet.Forecast
	polledAt  time.Time
}

func newConn(conn *quiet.Conn, buffered *bufio.Reader) *Conn {
	return &Conn{
		net: conn, reader: NewReader(buffered), out: newOutgoing(conn), done: make(chan struct{}),
	}
}

// InitDone says that the runtime has asked for its first event.
func (c *Conn) InitDone(initMs float64) {
	c.out.send(controlFrame(InitDone, initDoneMessage{initMs}))
}

// InitError says that init failed; the next event will try again.
func (c *Conn) InitError(errorType string, initMs float64) {
	c.out.send(controlFrame(InitError, initErrorMessage{errorType, initMs}))
}

// Respond sends a whole response.
func (c *Conn) Respond(head ResponseHead, body [][]byte) {
	if c.respondAtOnce(head, body) {
		return
	}
	frames := make([]outgoingFrame, 0, len(body)+2)
	frames = append(frames, controlFrame(Response, head))
	for _, chunk := range body {
		for len(chunk) > BodyBytesMax {
			frames = append(frames, bodyFrame(chunk[:BodyBytesMax]))
			chunk = chunk[BodyBytesMax:]
		}
		if len(chunk) > 0 {
			frames = append(frames, bodyFrame(chunk))
		}
	}
	end := controlFrame(ResponseEnd, responseEndMessage{RequestID: head.RequestID})
	c.out.send(append(frames, end)...)
}

// respondAtOnce sends a small response as one piece where nothing waits before it.
func (c *Conn) respondAtOnce(head ResponseHead, body [][]byte) bool {
	total := 0
	for _, chunk := range body {
		total += len(chunk)
	}
	if total > smallBytesMax {
		return false
	}
	wire := make([]byte, 0, total+smallHeadBytes)
	wire = appendFramed(wire, Response, func(dst []byte) []byte { return appendResponseHead(dst, head) })
	for _, chunk := range body {
		if len(chunk) > 0 {
			wire = AppendFrame(wire, ResponseBody, chunk)
		}
	}
	wire = appendFramed(wire, ResponseEnd, func(dst []byte) []byte { return appendResponseEnd(dst, head.RequestID) })
	return c.out.sendAtOnce(wire, total)
}

// BeginStream sends the head of a response whose body is still being made.
func (c *Conn) BeginStream(head ResponseHead) { c.out.send(controlFrame(Response, head)) }

// Stream sends one piece of a streamed body.
func (c *Conn) Stream(chunk []byte) {
	for len(chunk) > BodyBytesMax {
		c.out.send(bodyFrame(chunk[:BodyBytesMax]))
		chunk = chunk[BodyBytesMax:]
	}
	c.out.send(bodyFrame(chunk))
}

// WaitForRoom blocks until all but one of the queued frames have left; false when the connection is
// gone.
func (c *Conn) WaitForRoom() bool { return c.out.waitForRoom() }

// EndStream closes a streamed response; errorType is empty unless the stream broke off, cause is
// the error's JSON where there is one.
func (c *Conn) EndStream(requestID, errorType string, cause []byte) {
	if len(cause) > causeBytesMax {
		cause = nil
	}
	message := responseEndMessage{requestID, errorType, string(cause)}
	c.out.send(controlFrame(ResponseEnd, message))
}

// Idle says that the environment may be given another event.
func (c *Conn) Idle(report IdleReport) {
	if report.Tail == nil {
		wire := appendFramed(make([]byte, 0, smallHeadBytes), Idle, func(dst []byte) []byte {
			return appendIdle(dst, report)
		})
		if c.out.sendAtOnce(wire, 0) {
			return
		}
	}
	c.out.send(controlFrame(Idle, report))
}

// Ping asks for a sign that everything queued before it has arrived.
func (c *Conn) Ping() { c.out.send(outgoingFrame{header: AppendFrame(nil, Ping, nil)}) }

// Leave asks for no more events; the gateway answers with shutdown, or by closing.
func (c *Conn) Leave() { c.out.send(controlFrame(Leaving, nil)) }

// Finish closes the connection once everything queued has gone out.
func (c *Conn) Finish() { c.out.finish() }

// Close ends the connection now.
func (c *Conn) Close() {
	c.out.close()
	_ = c.net.Close()
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// next gives the next frame; alone says that nothing is to be done until it comes.
func (c *Conn) next(alone bool) (Frame, error) {
	now := time.Now()
	if now.Sub(c.heard) > heardStep {
		c.heard = now
		_ = c.net.SetReadDeadline(now.Add(silenceMax + heardStep))
	}
	if !alone || c.reader.source.Buffered() > 0 {
		return c.reader.Next()
	}
	if c.nextEvent.IsShort() && now.Sub(c.polledAt) < pollEvery {
		c.net.ExpectSoon()
	} else {
		c.polledAt = now
	}
	frame, err := c.reader.Next()
	c.nextEvent.Learn(time.Since(now))
	return frame, err
}

// pingWhileQuiet sends a ping whenever nothing has been sent for pingAfter.
func (c *Conn) pingWhileQuiet() {
	timer := time.NewTimer(pingAfter)
	defer timer.Stop()
	for {
		select {
		case <-c.done:
			return
		case now := <-timer.C:
			quiet := c.out.idleFor(now)
			if quiet >= pingAfter {
				c.out.sendUrgent(AppendFrame(nil, Ping, nil))
				quiet = 0
			}
			timer.Reset(pingAfter - quiet)
		}
	}
}
