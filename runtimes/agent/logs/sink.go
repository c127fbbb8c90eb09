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
	soon            = 10 * time.Millisecond
)

// Sink collects lines and writes them out in order, from one goroutine.
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
	writing bool
	soon    *time.Timer
}

// NewSink writes to out.
func NewSink(out io.Writer) *Sink {
	sink := &Sink{out: out}
	if file, isFile := out.(*os.File); isFile {
		sink.raw, _ = file.SyscallConn()
	}
	sink.changed = sync.NewCond(&sink.mutex)
	go sink.write()
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
	if s.soon == nil {
		s.soon = time.AfterFunc(soon, s.changed.Broadcast)
	} else {
		s.soon.Reset(soon)
	}
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
	if len(data) > 0 {
		s.keep(data)
		s.changed.Broadcast()
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

func (s *Sink) write() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		for len(s.pending) == 0 {
			s.changed.Wait()
		}
		data := s.pending
		s.pending, s.writing = nil, true
		s.mutex.Unlock()
		if rest := s.writeNow(data); len(rest) > 0 {
			_, _ = s.out.Write(rest) // a log that nobody reads must not stop the function
		}
		s.mutex.Lock()
		s.writing = false
		s.changed.Broadcast()
	}
}

// writeNow writes what out takes without waiting, as it usually does, and gives the rest. Only what waits
// needs Go's scheduler to watch over it (package quiet).
func (s *Sink) writeNow(data []byte) []byte {
	if s.raw == nil {
		return data
	}
	err := s.raw.Control(func(fd uintptr) {
		count, problem := quiet.WriteNow(int(fd), data)
		data = data[count:]
		if problem != nil && problem != syscall.EAGAIN {
			s.raw = nil
		}
	})
	if err != nil {
		s.raw = nil
	}
	return data
}
