package link

import (
	"encoding/json"
	"net"
	"sync"
	"time"
)

// outgoing is the sending half of a connection: one goroutine writes, everyone else queues.
//
// Frames of one event keep their order, so bodies that wait for credit hold back what follows them;
// urgent frames (ping, pong, credit) pass both.
type outgoing struct {
	conn     net.Conn
	mutex    sync.Mutex
	wake     *sync.Cond
	urgent   []byte
	ordered  []outgoingFrame
	window   int
	lastSent time.Time
	closing  bool
	closed   bool
}

type outgoingFrame struct {
	header  []byte
	payload []byte
	isBody  bool
}

func newOutgoing(conn net.Conn) *outgoing {
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
	o.wake.Broadcast()
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
		if _, err := buffers.WriteTo(o.conn); err != nil {
			o.close()
			return
		}
	}
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
	small := o.urgent
	o.urgent = nil
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
