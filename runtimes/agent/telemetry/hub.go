package telemetry

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"kubelambda.io/agent/logs"
)

// Bounds of what is kept for extensions that have not subscribed yet.
const (
	earlyEntriesMax = 1_000
	earlyBytesMax   = 256 * 1024
)

var (
	// ErrClosed: init is over, nobody can subscribe any more.
	ErrClosed = errors.New("subscription is closed already")
	// ErrOtherAPI: the extension has subscribed with the other interface.
	ErrOtherAPI = errors.New("the extension has already subscribed with the other API")
)

// Hub hands events to all subscribers of one environment. Its methods return at once, but for Flush.
type Hub struct {
	wanted      atomic.Bool
	isJSON      atomic.Bool
	mutex       sync.Mutex
	open        bool
	subscribers []*subscriber
	early       []entry
	earlyBytes  int
}

// Wanted says whether there is anyone to send to, now or later in init: without, an event need not
// even be made.
func (h *Hub) Wanted() bool { return h.wanted.Load() }

// Begin opens subscription for one start of the environment. Lines of a function that logs in JSON are
// sent as objects.
func (h *Hub) Begin(isJSON bool) {
	h.Clear()
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.open = true
	h.isJSON.Store(isJSON)
	h.wanted.Store(true)
}

// Close ends subscription: init is over.
func (h *Hub) Close() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.open, h.early, h.earlyBytes = false, nil, 0
	h.wanted.Store(len(h.subscribers) > 0)
}

// Clear ends all subscriptions: their extensions are gone.
func (h *Hub) Clear() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, s := range h.subscribers {
		s.close()
	}
	h.open, h.subscribers, h.early, h.earlyBytes = false, nil, nil, 0
	h.wanted.Store(false)
}

// Subscribe adds a subscriber, who is told what came before as well. A second subscription of the
// same extension changes nothing and gives false.
func (h *Hub) Subscribe(name string, subscription Subscription) (bool, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if !h.open {
		return false, ErrClosed
	}
	for _, s := range h.subscribers {
		if s.name == name && s.API != subscription.API {
			return false, ErrOtherAPI
		}
		if s.name == name {
			return false, nil
		}
	}
	fresh := newSubscriber(name, subscription)
	for _, event := range h.early {
		fresh.offer(event)
	}
	h.subscribers = append(h.subscribers, fresh)
	return true, nil
}

// Tell sends what the platform says.
func (h *Hub) Tell(now time.Time, record logs.Record) {
	h.hand(entry{category: Platform, moment: now, record: record})
}

// Flush sends all that waits, at most so long; from then on nothing is held back.
func (h *Hub) Flush(patience time.Duration) {
	h.mutex.Lock()
	subscribers := append([]*subscriber(nil), h.subscribers...)
	h.mutex.Unlock()
	deadline := time.Now().Add(patience)
	for _, s := range subscribers {
		s.flush(deadline)
	}
}

func (h *Hub) hand(event entry) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, s := range h.subscribers {
		s.offer(event)
	}
	if h.open && len(h.early) < earlyEntriesMax && h.earlyBytes < earlyBytesMax {
		h.early = append(h.early, event)
		h.earlyBytes += len(event.line)
	}
}

// Output makes events of what one process prints.
type Output struct {
	hub      *Hub
	category Category
	mutex    sync.Mutex
	cutter   logs.LineCutter
}

// Output gives the end for one process's output.
func (h *Hub) Output(category Category) *Output { return &Output{hub: h, category: category} }

// Take takes output, cut anywhere.
func (o *Output) Take(data []byte) {
	if !o.hub.Wanted() {
		return
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.hand(o.cutter.Cut(data))
}

// EndLine makes a line of what was begun.
func (o *Output) EndLine() {
	if !o.hub.Wanted() {
		return
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.hand(o.cutter.End())
}

func (o *Output) hand(whole []byte) {
	now := time.Now()
	for line := range bytes.Lines(whole) {
		o.hub.hand(newLine(o.category, now, line, o.hub.isJSON.Load()))
	}
}
