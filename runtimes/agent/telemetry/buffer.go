package telemetry

import "time"

// buffer holds what waits for one subscriber, within the bounds of its subscription. Pure: times come
// as arguments.
type buffer struct {
	limits Buffering
	items  [][]byte
	bytes  int
	// since is when the first item came; a batch is not held back longer than the limits say.
	since   time.Time
	dropped dropped
}

// dropped counts what did not fit or could not be sent.
type dropped struct {
	records int
	bytes   int
}

func (d *dropped) add(items ...[]byte) {
	for _, item := range items {
		d.records++
		d.bytes += len(item)
	}
}

// add takes an item, or counts it as dropped where the buffer is full.
func (b *buffer) add(item []byte, now time.Time) {
	if b.full() {
		b.dropped.add(item)
		return
	}
	if len(b.items) == 0 {
		b.since = now
	}
	b.items = append(b.items, item)
	b.bytes += len(item)
}

// full is reached with the item that passes a limit, so a batch may have more bytes than maxBytes.
func (b *buffer) full() bool {
	return len(b.items) >= b.limits.MaxItems || b.bytes >= b.limits.MaxBytes
}

func (b *buffer) empty() bool { return len(b.items) == 0 && b.dropped.records == 0 }

// due says whether a batch is to be sent now and, if not, how long it may wait.
func (b *buffer) due(now time.Time) (bool, time.Duration) {
	if b.empty() {
		return false, 0
	}
	wait := b.limits.Timeout - now.Sub(b.since)
	return b.full() || wait <= 0, wait
}

// take empties the buffer.
func (b *buffer) take() ([][]byte, dropped) {
	items, lost := b.items, b.dropped
	b.items, b.bytes, b.dropped = nil, 0, dropped{}
	return items, lost
}
