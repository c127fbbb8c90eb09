package logs

import (
	"os"
	"sync"
	"syscall"

	"kubelambda.io/agent/quiet"
)

const relayBytes = 16 * 1024

// drainBytesMax is more than any pipe holds by default; what comes later belongs to later.
const drainBytesMax = 1 << 20

// Relay reads one pipe that processes write to.
type Relay struct {
	sink *Sink
	// lines is of an extension, whose output must not cut into the function's lines.
	lines *LineCutter
	// frames is of a runtime that writes records in frames.
	frames *unframer
	// tee is given all that is read as well.
	tee    func(data []byte)
	reader *os.File
	raw    syscall.RawConn
	mutex  sync.Mutex
	buffer []byte
}

// NewRelay gives a relay of the function's output into sink and the end to write to, which the caller
// closes after handing it to a process. All that is read is given to tee as well.
func NewRelay(sink *Sink, tee func(data []byte)) (*Relay, *os.File, error) {
	return newRelay(&Relay{sink: sink, tee: tee, buffer: make([]byte, relayBytes)})
}

// NewFramedRelay is NewRelay for output that holds records in frames: each becomes lines of its own, and
// endLine is called where one begins and ends.
func NewFramedRelay(sink *Sink, tee func(data []byte), endLine func()) (*Relay, *os.File, error) {
	relay := &Relay{sink: sink, tee: tee, buffer: make([]byte, relayBytes)}
	relay.frames = &unframer{text: relay.takeText, edge: func() {
		sink.endLine()
		endLine()
	}}
	return newRelay(relay)
}

// NewExtensionRelay is NewRelay for the output of an extension.
func NewExtensionRelay(sink *Sink, tee func(data []byte)) (*Relay, *os.File, error) {
	lines := &LineCutter{}
	return newRelay(&Relay{sink: sink, lines: lines, tee: tee, buffer: make([]byte, relayBytes)})
}

func newRelay(relay *Relay) (*Relay, *os.File, error) {
	ends, err := openPipe()
	if err != nil {
		return nil, nil, err
	}
	_ = syscall.SetNonblock(ends[0], true) // ours only: the function expects a blocking stdout
	reader := os.NewFile(uintptr(ends[0]), "function output")
	raw, err := reader.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	relay.reader, relay.raw = reader, raw
	go relay.run()
	return relay, os.NewFile(uintptr(ends[1]), "function output"), nil
}

// Drain takes over all that is in the pipe now. It does not wait for the end of the pipe, which a
// process left in the background may hold open for ever.
func (r *Relay) Drain() {
	_ = r.raw.Control(func(fd uintptr) {
		for total := 0; total < drainBytesMax; {
			count := r.readOnce(int(fd))
			if count <= 0 {
				return
			}
			total += count
		}
	})
}

// Close ends the relay; call Drain before.
func (r *Relay) Close() {
	_ = r.reader.Close()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.lines != nil {
		r.sink.wholeLines(r.lines.End())
	}
}

func (r *Relay) run() {
	for {
		ended := false
		err := r.raw.Read(func(fd uintptr) bool {
			count := r.readOnce(int(fd))
			ended = count == 0
			return count >= 0
		})
		if err != nil || ended {
			return
		}
		r.sink.waitForRoom()
	}
}

// readOnce gives the bytes read: 0 at the end of the pipe, -1 when there is nothing now.
func (r *Relay) readOnce(fd int) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for {
		count, err := quiet.Read(fd, r.buffer)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			r.pause()
			return -1
		case count == 0:
			r.pause()
		}
		r.take(r.buffer[:count])
		return count
	}
}

func (r *Relay) pause() {
	if r.frames != nil {
		r.frames.pause()
	}
}

func (r *Relay) take(data []byte) {
	if r.frames != nil {
		r.frames.take(data)
		return
	}
	r.takeText(data)
}

func (r *Relay) takeText(data []byte) {
	if r.lines == nil {
		r.sink.output(data)
	} else {
		r.sink.wholeLines(r.lines.Cut(data))
	}
	r.tee(data)
}
