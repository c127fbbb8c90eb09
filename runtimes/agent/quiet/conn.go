// Package quiet reads and writes descriptors without telling Go's scheduler, since nothing here blocks, or
// blocks for long.
//
// Contract: Go announces each system call that may block. When the program has been idle, that wakes the
// thread which watches over such calls, and it then naps 20 µs at a time for as long as there is work: two
// wake-ups and half a dozen naps for each event, half of what an event cost the agent. The calls here give
// EAGAIN in place of waiting, so nobody has to watch them; waiting is the network poller's, as with net.Conn.
//
// The exception is a Conn that Waits: where the next bytes are forecast to come at once it waits for them in
// the kernel, at most WaitMax, and nothing else of a program that runs one goroutine at a time runs until
// then. That is one system call where the poller takes four. It is for moments when nothing else is to do.
//
// Elsewhere than on Linux these are the usual calls, and no Conn waits.
package quiet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// WaitMax bounds a wait in the kernel, to the kernel's ticks (1 to 10 ms).
const WaitMax = 20 * time.Millisecond

// Conn is a TCP connection whose Read and Write are quiet; everything else is the connection's own. One
// goroutine at a time may read, and one write, as the agent's do.
type Conn struct {
	net.Conn
	raw syscall.RawConn // nil where the connection has none
	// waits says that the socket can wait; waitsNow is of the next Read alone.
	waits    bool
	waitsNow bool

	// What a call is about: a closure of its own for each would be garbage.
	reading   []byte
	read      int
	readErr   error
	writing   []byte
	writeErr  error
	readOnce  func(fd uintptr) bool
	writeOnce func(fd uintptr) bool
}

// NewConn wraps conn; one that is not TCP keeps its own Read and Write.
func NewConn(conn net.Conn) *Conn {
	c := &Conn{Conn: conn}
	if tcp, isTCP := conn.(*net.TCPConn); isTCP {
		c.raw, _ = tcp.SyscallConn()
	}
	c.readOnce, c.writeOnce = c.tryRead, c.tryWrite
	return c
}

// AllowWaits lets Reads wait in the kernel that are forecast to be short. From then on only this Conn may
// read and write: what net itself does with the connection would block.
func (c *Conn) AllowWaits() {
	if c.raw != nil {
		_ = c.raw.Control(func(fd uintptr) { c.waits = allowWaits(int(fd), WaitMax) == nil })
	}
}

// ExpectSoon has the next Read wait in the kernel.
func (c *Conn) ExpectSoon() { c.waitsNow = c.waits }

// Read is net.Conn's.
func (c *Conn) Read(buffer []byte) (int, error) {
	if c.raw == nil || len(buffer) == 0 {
		return c.Conn.Read(buffer)
	}
	c.reading = buffer
	err := c.raw.Read(c.readOnce)
	c.reading = nil
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

// tryRead gives false where there is nothing to be read now.
func (c *Conn) tryRead(fd uintptr) bool {
	c.read, c.readErr = receive(int(fd), c.reading, c.waitsNow)
	c.waitsNow = false
	return c.readErr != syscall.EAGAIN
}

// Write is net.Conn's.
func (c *Conn) Write(data []byte) (int, error) {
	if c.raw == nil || len(data) == 0 {
		return c.Conn.Write(data)
	}
	c.writing = data
	err := c.raw.Write(c.writeOnce)
	written := len(data) - len(c.writing)
	c.writing = nil
	switch {
	case err != nil:
		err = c.describe("write", err)
	case c.writeErr != nil:
		err = c.describe("write", os.NewSyscallError("write", c.writeErr))
	}
	return written, err
}

// tryWrite goes on until all is written or the socket takes no more for now, which it says by false.
func (c *Conn) tryWrite(fd uintptr) bool {
	for len(c.writing) > 0 {
		count, err := send(int(fd), c.writing)
		if err == syscall.EAGAIN {
			return false
		}
		if c.writeErr = err; err != nil {
			return true
		}
		c.writing = c.writing[count:]
	}
	return true
}

// WriteSome writes what the socket takes now, from any goroutine; an error is the next Write's to find.
func (c *Conn) WriteSome(data []byte) (written int) {
	if c.raw != nil {
		_ = c.raw.Write(func(fd uintptr) bool {
			written, _ = send(int(fd), data)
			return true
		})
	}
	return written
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
