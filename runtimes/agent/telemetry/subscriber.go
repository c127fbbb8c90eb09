package telemetry

import (
	"errors"
	"sync"
	"time"
)

const (
	// attempts and pause bridge the moment in which a subscriber that has just subscribed begins to
	// listen.
	attempts = 3
	pause    = 100 * time.Millisecond
)

// subscriber sends what waits in its buffer, one batch at a time.
type subscriber struct {
	Subscription
	name     string
	sender   sender
	mutex    sync.Mutex
	changed  *sync.Cond
	buffer   buffer
	timer    *time.Timer
	sending  bool
	flushing bool // the environment ends: nothing is held back any more
	closed   bool
}

func newSubscriber(name string, subscription Subscription) *subscriber {
	s := &subscriber{
		Subscription: subscription, name: name,
		sender: sender{destination: subscription.Destination},
		buffer: buffer{limits: subscription.Buffering},
	}
	s.changed = sync.NewCond(&s.mutex)
	s.timer = time.AfterFunc(time.Hour, s.changed.Broadcast)
	go s.run()
	return s
}

// offer takes an event of a category that is subscribed to; never blocks.
func (s *subscriber) offer(event entry) {
	if !s.wants(event.category) {
		return
	}
	item := s.encode(event)
	if item == nil {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	wasEmpty := s.buffer.empty()
	s.buffer.add(item, time.Now())
	if wasEmpty || s.buffer.full() {
		s.changed.Broadcast()
	}
}

// flush sends all that waits and waits for it, at most until the deadline; later events are sent at
// once.
func (s *subscriber) flush(deadline time.Time) {
	timer := time.AfterFunc(time.Until(deadline), s.changed.Broadcast)
	defer timer.Stop()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.flushing = true
	s.changed.Broadcast()
	for (s.sending || !s.buffer.empty()) && !s.closed && time.Now().Before(deadline) {
		s.changed.Wait()
	}
}

func (s *subscriber) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	s.timer.Stop()
	s.sender.close()
	s.changed.Broadcast()
}

func (s *subscriber) run() {
	for {
		items, lost, more := s.await()
		if !more {
			return
		}
		batch := items
		if lost.records > 0 {
			batch = append(batch[:len(batch):len(batch)], lost.encode(time.Now()))
		}
		if err := s.try(batch); err != nil {
			lost.add(items...)
			s.settle(lost)
		} else {
			s.settle(dropped{})
		}
	}
}

// await gives the next batch when it is due, with what was lost before it; false at the end.
func (s *subscriber) await() ([][]byte, dropped, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for !s.closed {
		due, wait := s.buffer.due(time.Now())
		if due || s.flushing && !s.buffer.empty() {
			s.sending = true
			items, lost := s.buffer.take()
			return items, lost, true
		}
		if !s.buffer.empty() {
			s.timer.Reset(wait)
		}
		s.changed.Wait()
	}
	return nil, dropped{}, false
}

func (s *subscriber) try(batch [][]byte) error {
	var err error
	for range attempts {
		if err = s.sender.send(batch); err == nil || errors.Is(err, errRefused) || errors.Is(err, errClosed) {
			return err
		}
		time.Sleep(pause)
	}
	return err
}

// settle notes the end of a batch, and what is lost with it.
func (s *subscriber) settle(lost dropped) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.sending = false
	if lost.records > 0 {
		if s.buffer.empty() {
			s.buffer.since = time.Now() // it is told no sooner than a batch may wait
		}
		s.buffer.dropped.records += lost.records
		s.buffer.dropped.bytes += lost.bytes
	}
	s.changed.Broadcast()
}
