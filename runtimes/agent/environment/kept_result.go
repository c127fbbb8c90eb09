package environment

import (
	"time"

	"kubelambda.io/agent/link"
)

// keep holds the result of an event for a gateway that asks for it again: the one that was given it
// may have died with it.
func (e *Environment) keep(closing *event) {
	bodyBytes := size(closing.body)
	e.movedBytes += bodyBytes + size(closing.Body)
	closing.Body = nil
	if closing.sink != nil {
		return // LIMIT: a streamed result is not kept; its event would run again
	}
	e.kept = closing
	if bodyBytes > largeBytes && e.conn != nil {
		e.conn.Ping()
	}
	if e.keepTimer == nil {
		e.keepTimer = time.AfterFunc(keepResult, e.expireKept)
	} else {
		e.keepTimer.Reset(keepResult)
	}
}

func (e *Environment) expireKept() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.kept = nil
}

func (e *Environment) forgetKept() { e.kept = nil }

// Alive says that the gateway at conn has taken everything up to its latest ping: a large result
// need not be kept any longer.
func (e *Environment) Alive(conn *link.Conn) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.conn == conn && e.kept != nil && e.kept.conn == conn && size(e.kept.body) > largeBytes {
		e.kept = nil
		e.releaseMemory()
	}
}

func size(pieces [][]byte) int {
	total := 0
	for _, piece := range pieces {
		total += len(piece)
	}
	return total
}
