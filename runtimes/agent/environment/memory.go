package environment

import (
	"runtime/debug"
	"time"
)

// The least time between two looks at the processes' memory: memoryEvery while it grows and after events that
// take as long, then longer and longer up to memorySeldom, since a look costs as much as a third of a short
// event.
const (
	memoryEvery  = 100 * time.Millisecond
	memorySeldom = time.Second
)

// memoryRecord is the highest use of memory seen.
type memoryRecord struct {
	maxBytes int64
	lookedAt time.Time
	pause    time.Duration
}

func (m *memoryRecord) maxMB() int64 { return (m.maxBytes + 1<<20 - 1) >> 20 }

// due says whether to look again at the end of an event that took so long.
func (m *memoryRecord) due(now time.Time, elapsed time.Duration) bool {
	return now.Sub(m.lookedAt) >= m.pause || elapsed >= memoryEvery
}

// note takes what a look has found.
func (m *memoryRecord) note(now time.Time, bytes int64) {
	m.lookedAt = now
	m.pause = min(max(2*m.pause, memoryEvery), memorySeldom)
	if before := m.maxMB(); bytes > m.maxBytes {
		m.maxBytes = bytes
		if m.maxMB() > before {
			m.pause = memoryEvery
		}
	}
}

// sampleMemory looks at the processes' memory at the end of an event, where a look is due.
//
// LIMIT: a peak between two looks is not seen, except by the kernel.
func (e *Environment) sampleMemory() {
	if now := time.Now(); e.memory.due(now, now.Sub(e.event.started)) {
		e.memory.note(now, e.options.Supervisor.AnonymousBytes())
	}
}

// releaseMemory gives back what large bodies took, at a moment when nobody waits.
func (e *Environment) releaseMemory() {
	if e.phase == idle {
		e.movedBytes = 0
		go debug.FreeOSMemory()
	}
}
