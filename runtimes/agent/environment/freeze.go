package environment

import "time"

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
