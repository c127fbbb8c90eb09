package logs

import (
	"os"
	"sync"
	"syscall"
)

const relayBytes = 16 * 1024

// drainBytesMax is more than any pipe holds by default; what comes later belongs to later.
const drainBytesMax = 1 << 20

// Relay reads one pipe that the function's processes write to.
type Relay struct {
	sink   *Sink
	reader *os.File
	raw    syscall.RawConn
	mutex  sync.Mutex
	buffer []byte
}

// NewRelay gives a relay into sink and the end to write to, which the caller closes after handing
// it to a process.
func NewRelay(sink *Sink) (*Relay, *os.File, error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	_ = syscall.SetNonblock(ends[0], true) // ours only: the function expects a blocking stdout
	reader := os.NewFile(uintptr(ends[0]), "function output")
	raw, err := reader.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	relay := &Relay{sink: sink, reader: reader, raw: raw, buffer: make([]byte, relayBytes)}
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
func (r *Relay) Close() { _ = r.reader.Close() }

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
		count, err := syscall.Read(fd, r.buffer)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return -1
		}
		r.sink.output(r.buffer[:count])
		return count
	}
}
