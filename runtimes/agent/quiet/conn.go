// Package quiet reads and writes descriptors that never block, without telling Go's scheduler.
//
// Contract: Go announces each system call that may block. When the program has been idle, that wakes the
// thread which watches over such calls, and it then naps 20 µs at a time for as long as there is work: two
// wake-ups and half a dozen naps for each event, half of what an event cost the agent. The calls here are
// made on non-blocking descriptors only, which give EAGAIN in place of waiting, so nobody has to watch them;
// waiting is the network poller's, as with net.Conn. Elsewhere than on Linux these are the usual calls.
package quiet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Conn is a TCP connection whose Read and Write are quiet; everything else is the connection's own. One
// goroutine at a time may read, and one write, as the agent's do.
type Conn struct {
	net.Conn
	raw syscall.RawConn

	// What a call is about, since a closure of its own for each would be garbage.
	in, out   []byte
	read      int
	readErr   error
	writeErr  error
	tryRead   func(fd uintptr) bool
	tryWrite  func(fd uintptr) bool
	hasRawFDs bool
}

// NewConn wraps conn; one that is not TCP keeps its own Read and Write.
func NewConn(conn net.Conn) *Conn {
	c := &Conn{Conn: conn}
	if tcp, isTCP := conn.(*net.TCPConn); isTCP {
		raw, err := tcp.SyscallConn()
		c.raw, c.hasRawFDs = raw, err == nil
	}
	c.tryRead, c.tryWrite = c.readOnce, c.writeOnce
	return c
}

// Read is net.Conn's.
func (c *Conn) Read(buffer []byte) (int, error) {
	if !c.hasRawFDs || len(buffer) == 0 {
		return c.Conn.Read(buffer)
	}
	c.in = buffer
	err := c.raw.Read(c.tryRead)
	c.in = nil
	switch {
	case err != nil:
		return 0, c.describe("read", err)
	case c.readErr != nil:
		return 0, c.describe("read", os.NewSyscallError("read", c.readErr))
	case c.read == 0:
		return 0, io.EOF
	}
	return c.read, nil
}

func (c *Conn) readOnce(fd uintptr) bool {
	c.read, c.readErr = Read(int(fd), c.in)
	return c.readErr != syscall.EAGAIN
}

// Write is net.Conn's.
func (c *Conn) Write(data []byte) (int, error) {
	if !c.hasRawFDs || len(data) == 0 {
		return c.Conn.Write(data)
	}
	c.out = data
	err := c.raw.Write(c.tryWrite)
	written := len(data) - len(c.out)
	c.out = nil
	switch {
	case err != nil:
		err = c.describe("write", err)
	case c.writeErr != nil:
		err = c.describe("write", os.NewSyscallError("write", c.writeErr))
	}
	return written, err
}

// writeOnce goes on until all is written or the socket takes no more for now.
func (c *Conn) writeOnce(fd uintptr) bool {
	for len(c.out) > 0 {
		count, err := Write(int(fd), c.out)
		if err == syscall.EAGAIN {
			return false
		}
		if c.writeErr = err; err != nil {
			return true
		}
		c.out = c.out[count:]
	}
	return true
}

// describe gives an error the words that net has for it.
func (c *Conn) describe(operation string, err error) error {
	var wrapped *net.OpError
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return &net.OpError{
		Op: operation, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err,
	}
}
