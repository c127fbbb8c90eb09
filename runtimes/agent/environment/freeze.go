package environment

import (
	"runtime/debug"
	"time"
)

// memoryEvery is the least time between two looks at the processes' memory.
const memoryEvery = 100 * time.Millisecond

// memoryRecord is the highest use of memory seen.
type memoryRecord struct {
	maxBytes int64
	lookedAt time.Time
}

func (m *memoryRecord) maxMB() int64 { return (m.maxBytes + 1<<20 - 1) >> 20 }

func (e *Environment) sampleMemory() {
	now := time.Now()
	if now.Sub(e.memory.lookedAt) < memoryEvery {
		return
	}
	// LIMIT: a peak between two looks is not seen, except by the kernel.
	e.memory.lookedAt = now
	e.memory.maxBytes = max(e.memory.maxBytes, e.options.Supervisor.AnonymousBytes())
}

func (e *Environment) startFreezeTimer() {
	if e.phase != idle || e.options.IdleFreeze < 0 {
		return
	}
	if e.freezeTimer == nil {
		e.freezeTimer = time.AfterFunc(e.options.IdleFreeze, e.freeze)
		return
	}
	e.freezeTimer.Reset(e.options.IdleFreeze)
}

func (e *Environment) stopFreezeTimer() {
	if e.freezeTimer != nil {
		e.freezeTimer.Stop()
	}
}

// freeze stops the function's processes until the next event; the agent itself goes on.
func (e *Environment) freeze() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.phase != idle || e.frozen {
		return
	}
	if e.runtime != nil {
		e.options.Supervisor.Freeze()
		e.frozen = true
	}
	if e.movedBytes > largeBytes && (e.kept == nil || size(e.kept.body) <= largeBytes) {
		e.releaseMemory()
	}
}

// releaseMemory gives back what large bodies took, at a moment when nobody waits.
func (e *Environment) releaseMemory() {
	if e.phase == idle {
		e.movedBytes = 0
		go debug.FreeOSMemory()
	}
}
