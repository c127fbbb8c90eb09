package link

import (
	"encoding/json"
	"net"
	"sync"
	"time"

	"kubelambda.io/agent/quiet"
)

// atOnceBytesMax is what a caller may write by itself.
const atOnceBytesMax = 16 * 1024

// outgoing is the sending half of a connection. Whoever has something to say queues it and, where
// nothing waits, writes it at once as far as the socket takes it; the rest is one goroutine's.
//
// Frames of one event keep their order, so bodies that wait for credit hold back what follows them;
// urgent frames (ping, pong, credit) pass both.
type outgoing struct {
	conn     *quiet.Conn
	mutex    sync.Mutex
	wake     *sync.Cond
	started  []byte // the end of what a caller could not write whole
	urgent   []byte
	ordered  []outgoingFrame
	window   int
	lastSent time.Time
	writing  bool
	closing  bool
	closed   bool
}

type outgoingFrame struct {
	header  []byte
	payload []byte
	isBody  bool
}

func newOutgoing(conn *quiet.Conn) *outgoing {
	out := &outgoing{conn: conn, window: WindowBytes, lastSent: time.Now()}
	out.wake = sync.NewCond(&out.mutex)
	return out
}

func controlFrame(t Type, message any) outgoingFrame {
	payload := []byte("{}")
	if message != nil {
		payload, _ = json.Marshal(message) // our own structs always marshal
	}
	return outgoingFrame{header: AppendFrame(nil, t, payload)}
}

func bodyFrame(chunk []byte) outgoingFrame {
	return outgoingFrame{appendHeader(nil, ResponseBody, len(chunk)), chunk, true}
}

func (o *outgoing) send(frames ...outgoingFrame) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.closed {
		return
	}
	o.ordered = append(o.ordered, frames...)
	o.writeAtOnce()
	o.wake.Broadcast()
}

// sendAtOnce writes whole frames, bodyBytes of bodies among them, where nothing waits before them and the
// window has room; false where it has taken nothing.
func (o *outgoing) sendAtOnce(wire []byte, bodyBytes int) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	switch {
	case o.closed:
		return true // as send: there is nobody to tell
	case o.writing || len(o.started) > 0 || len(o.urgent) > 0 || len(o.ordered) > 0 || bodyBytes > o.window:
		return false
	}
	o.window -= bodyBytes
	o.write(wire)
	if len(o.started) > 0 {
		o.wake.Broadcast()
	}
	return true
}

func (o *outgoing) sendUrgent(frame []byte) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.closed {
		return
	}
	o.urgent = append(o.urgent, frame...)
	o.wake.Broadcast()
}

// writeAtOnce saves the caller's peer the wait for another goroutine's turn; it never blocks.
func (o *outgoing) writeAtOnce() {
	if o.writing || len(o.started) > 0 || o.queuedBytes() > atOnceBytesMax {
		return
	}
	var data []byte
	for _, piece := range o.takeSendable() {
		data = append(data, piece...)
	}
	if len(data) > 0 {
		o.write(data)
	}
}

// write writes what the socket takes and keeps the rest for run.
func (o *outgoing) write(data []byte) {
	// An error is found again, and handled, where the rest is written.
	o.started = data[o.conn.WriteSome(data):]
	o.lastSent = time.Now()
}

func (o *outgoing) queuedBytes() int {
	total := len(o.urgent)
	for _, frame := range o.ordered {
		total += len(frame.header) + len(frame.payload)
	}
	return total
}

// addCredit never lets the window grow over its full size.
func (o *outgoing) addCredit(byteCount int) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.window = min(o.window+byteCount, WindowBytes)
	o.wake.Broadcast()
}

// beginEvent fills the window again, as both sides do at the start of each event.
func (o *outgoing) beginEvent() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.window = WindowBytes
}

// waitForRoom blocks while frames are queued behind a closed window; false once closed.
func (o *outgoing) waitForRoom() bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for len(o.ordered) > 1 && !o.closed {
		o.wake.Wait()
	}
	return !o.closed
}

// finish lets what is queued go out, then ends the connection.
func (o *outgoing) finish() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.closing = true
	o.wake.Broadcast()
}

func (o *outgoing) close() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.closed = true
	o.ordered, o.urgent = nil, nil
	o.wake.Broadcast()
}

func (o *outgoing) idleFor(now time.Time) time.Duration {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return now.Sub(o.lastSent)
}

// run writes until the connection ends; it closes the connection when finish was asked for.
func (o *outgoing) run() {
	defer o.conn.Close()
	for {
		buffers, ok := o.take()
		if !ok {
			return
		}
		_, err := buffers.WriteTo(o.conn)
		o.wrote()
		if err != nil {
			o.close()
			return
		}
	}
}

func (o *outgoing) wrote() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.writing = false
}

// take waits for something that may be sent now and gives all of it.
func (o *outgoing) take() (net.Buffers, bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for {
		if o.closed {
			return nil, false
		}
		if buffers := o.takeSendable(); len(buffers) > 0 {
			o.writing = true
			o.lastSent = time.Now()
			o.wake.Broadcast()
			return buffers, true
		}
		if o.closing && len(o.ordered) == 0 {
			return nil, false
		}
		o.wake.Wait()
	}
}

func (o *outgoing) takeSendable() net.Buffers {
	var buffers net.Buffers
	small := append(o.started, o.urgent...)
	o.started, o.urgent = nil, nil
	taken := 0
	for _, frame := range o.ordered {
		if frame.isBody && len(frame.payload) > o.window {
			break
		}
		if frame.isBody {
			o.window -= len(frame.payload)
		}
		small = append(small, frame.header...)
		if len(frame.payload) > 0 {
			buffers = append(buffers, small, frame.payload)
			small = nil
		}
		taken++
	}
	o.ordered = append([]outgoingFrame(nil), o.ordered[taken:]...)
	if len(small) > 0 {
		buffers = append(buffers, small)
	}
	return buffers
}
