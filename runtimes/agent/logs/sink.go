// Package logs writes the log of one environment: the platform's own lines and, between them, line
// by line, what the function's processes print.
//
// Contract: platform lines are exact to the byte (spec/lambda.md, section 2.7) and never wait for
// the reader of the log; a function that prints faster than the log is read waits itself.
package logs

import (
	"bytes"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"kubelambda.io/agent/quiet"
)

const (
	// TailBytes is the most of an event's log that the caller is given.
	TailBytes = 4096

	pendingBytesMax = 256 * 1024
	lineBytesMax    = 256 * 1024
	// writeEvery is the least time between two writes, and so the longest that a line waits for one.
	writeEvery = 10 * time.Millisecond
	// writeBytes are written at once.
	writeBytes = 32 * 1024
)

// Sink collects lines and writes them out in order: at once where nothing was written lately, else with
// others, within writeEvery. What the reader does not take at once is written by a goroutine.
type Sink struct {
	out     io.Writer
	raw     syscall.RawConn // nil where nothing can be written without waiting
	mutex   sync.Mutex
	changed *sync.Cond
	pending []byte
	partial []byte
	// keeps decides about the function's lines; nil where all are kept.
	keeps   func(line []byte) bool
	tail    []byte
	hasTail bool
	// blocked says that the goroutine is to write; writing that it does.
	blocked bool
	writing bool
	wroteAt time.Time
	due     *time.Timer
	isDue   bool
}

// NewSink writes to out.
func NewSink(out io.Writer) *Sink {
	sink := &Sink{out: out}
	if file, isFile := out.(*os.File); isFile {
		sink.raw, _ = file.SyscallConn()
	}
	sink.changed = sync.NewCond(&sink.mutex)
	sink.due = time.AfterFunc(writeEvery, sink.writeDue)
	sink.due.Stop()
	go sink.run()
	return sink
}

// SetFilter has lines of the function left out that keeps refuses; nil keeps all.
func (s *Sink) SetFilter(keeps func(line []byte) bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.keeps = keeps
}

// System writes lines of the platform's own, each ending in a line feed; never blocks.
func (s *Sink) System(lines string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.endPartial()
	s.commit([]byte(lines))
}

// SystemSoon is System for lines that others usually follow at once: they share one write then.
func (s *Sink) SystemSoon(lines string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.endPartial()
	s.keep([]byte(lines))
	s.writeWithin(writeEvery)
}

// BeginTail starts keeping the last TailBytes of what is written.
func (s *Sink) BeginTail() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.tail, s.hasTail = nil, true
}

// EndTail gives what BeginTail began; nil where it did not.
func (s *Sink) EndTail() []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	tail := s.tail
	s.tail, s.hasTail = nil, false
	return tail
}

// Flush waits until everything is written, at most so long.
func (s *Sink) Flush(patience time.Duration) {
	timer := time.AfterFunc(patience, func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		patience = 0
		s.changed.Broadcast()
	})
	defer timer.Stop()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.endPartial()
	s.writeNow()
	for (len(s.pending) > 0 || s.writing) && patience > 0 {
		s.changed.Wait()
	}
}

// output takes what a process printed, cut anywhere.
func (s *Sink) output(data []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	last := bytes.LastIndexByte(data, '\n') + 1
	switch {
	case last > 0 && s.keeps != nil:
		s.commitKept(append(s.partial, data[:last]...))
		s.partial = nil
	case last > 0:
		s.commit(s.partial)
		s.partial = nil
		s.commit(data[:last])
	}
	s.partial = append(s.partial, data[last:]...)
	if len(s.partial) >= lineBytesMax {
		s.endPartial()
	}
}

// endLine ends a line that a process has begun.
func (s *Sink) endLine() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.endPartial()
}

// wholeLines takes lines of an extension: what the function has begun is not cut by them.
func (s *Sink) wholeLines(lines []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.commit(lines)
}

// waitForRoom blocks while too much is waiting to be written.
func (s *Sink) waitForRoom() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for len(s.pending) > pendingBytesMax {
		s.changed.Wait()
	}
}

func (s *Sink) endPartial() {
	if len(s.partial) == 0 {
		return
	}
	line := append(s.partial, '\n')
	s.partial = nil
	if s.keeps != nil {
		s.commitKept(line)
	} else {
		s.commit(line)
	}
}

// commitKept commits those of the whole lines that belong into the log.
func (s *Sink) commitKept(lines []byte) {
	for line := range bytes.Lines(lines) {
		if s.keeps(line) {
			s.commit(line)
		}
	}
}

func (s *Sink) commit(data []byte) {
	if len(data) == 0 {
		return
	}
	s.keep(data)
	wait := writeEvery - time.Since(s.wroteAt)
	if wait > 0 && len(s.pending) < writeBytes {
		s.writeWithin(wait)
	} else {
		s.writeNow()
	}
}

func (s *Sink) keep(data []byte) {
	s.pending = append(s.pending, data...)
	if s.hasTail {
		s.tail = append(s.tail, data...)
		if excess := len(s.tail) - TailBytes; excess > 0 {
			s.tail = append([]byte(nil), s.tail[excess:]...)
		}
	}
}

// writeWithin has what is pending written in time, with what comes until then.
func (s *Sink) writeWithin(wait time.Duration) {
	if !s.isDue {
		s.isDue = true
		s.due.Reset(wait)
	}
}

func (s *Sink) writeDue() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.isDue = false
	s.writeNow()
}

// writeNow writes what the reader takes without waiting, which is all as a rule, and leaves the rest to the
// goroutine: only what waits needs Go's scheduler to watch over it (package quiet).
func (s *Sink) writeNow() {
	if s.blocked || len(s.pending) == 0 {
		return
	}
	if s.isDue {
		s.isDue = false
		s.due.Stop()
	}
	s.wroteAt = time.Now()
	count := 0
	if s.raw != nil && s.raw.Control(func(fd uintptr) { count = s.tryWrite(int(fd)) }) != nil {
		s.raw = nil
	}
	if count == len(s.pending) {
		s.pending = s.pending[:0]
		if cap(s.pending) > 2*writeBytes {
			s.pending = nil
		}
		return
	}
	s.pending = s.pending[count:]
	s.blocked = true
	s.changed.Broadcast()
}

func (s *Sink) tryWrite(fd int) int {
	count, err := quiet.WriteNow(fd, s.pending)
	if err != nil && err != syscall.EAGAIN && err != syscall.EINTR {
		s.raw = nil // this kernel cannot, for this kind of file
	}
	return count
}

// run writes what has to wait for the reader.
func (s *Sink) run() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		for !s.blocked {
			s.changed.Wait()
		}
		data := s.pending
		s.pending, s.writing = nil, true
		s.mutex.Unlock()
		_, _ = s.out.Write(data) // a log that nobody reads must not stop the function
		s.mutex.Lock()
		s.writing = false
		s.blocked = len(s.pending) > 0
		s.changed.Broadcast()
	}
}
