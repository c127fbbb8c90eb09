package quiet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// connect gives both ends of a TCP connection; ours is quiet and may wait.
func connect(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ours := NewConn(dialled)
	ours.AllowWaits()
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	return ours, theirs
}

func TestAReadTakesWhatComesHoweverItWaits(t *testing.T) {
	for name, row := range map[string]struct {
		soon  bool
		after time.Duration
	}{
		"it is there":                       {false, 0},
		"the poller waits":                  {false, 30 * time.Millisecond},
		"the kernel waits":                  {true, 2 * time.Millisecond},
		"the kernel waits, then the poller": {true, 3 * WaitMax},
	} {
		ours, theirs := connect(t)
		time.AfterFunc(row.after, func() { _, _ = io.WriteString(theirs, "hello") })
		if row.soon {
			ours.ExpectSoon()
		}
		buffer := make([]byte, 16)
		if count, err := ours.Read(buffer); err != nil || string(buffer[:count]) != "hello" {
			t.Errorf("%s: %q, %v", name, buffer[:count], err)
		}
	}
}

func TestTheEndOfAConnectionIsReadHoweverItIsWaitedFor(t *testing.T) {
	for _, soon := range []bool{false, true} {
		for _, after := range []time.Duration{0, 2 * time.Millisecond, 3 * WaitMax} {
			ours, theirs := connect(t)
			time.AfterFunc(after, func() { _ = theirs.Close() })
			if soon {
				ours.ExpectSoon()
			}
			if _, err := ours.Read(make([]byte, 16)); err != io.EOF {
				t.Errorf("soon %v, after %v: %v", soon, after, err)
			}
		}
	}
}

func TestOneReadAloneWaitsInTheKernel(t *testing.T) {
	ours, theirs := connect(t)
	ours.ExpectSoon()
	_, _ = io.WriteString(theirs, "a")
	if _, err := ours.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = ours.SetReadDeadline(time.Now().Add(time.Millisecond))
	begin := time.Now()
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}

func TestWhatTheSocketDoesNotTakeAtOnceIsWrittenLater(t *testing.T) {
	ours, theirs := connect(t)
	data := bytes.Repeat([]byte("0123456789"), 1<<20)
	go func() { _, _ = ours.Write(data) }()
	time.Sleep(20 * time.Millisecond)
	got := make([]byte, len(data))
	if _, err := io.ReadFull(theirs, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%v; the bytes differ: %v", err, !bytes.Equal(got, data))
	}
}

func TestWriteSomeNeverWaits(t *testing.T) {
	ours, _ := connect(t)
	data := make([]byte, 64<<20)
	if written := ours.WriteSome(data); written <= 0 || written >= len(data) {
		t.Errorf("%d bytes were written", written)
	}
	more := 0 // what the kernel moves into the other end's buffer meanwhile makes room once more
	for written := ours.WriteSome(data); written > 0; written = ours.WriteSome(data) {
		more += written
	}
	if more >= len(data) {
		t.Errorf("%d more bytes were written, and nobody reads", more)
	}
}

func TestErrorsHaveTheWordsOfNet(t *testing.T) {
	ours, theirs := connect(t)
	_ = theirs.(*net.TCPConn).SetLinger(0)
	_ = theirs.Close()
	_, err := ours.Read(make([]byte, 1))
	if !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(err.Error(), "read tcp 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
	_ = ours.Close()
	if _, err := ours.Write([]byte("a")); !errors.Is(err, net.ErrClosed) ||
		!strings.HasPrefix(err.Error(), "write tcp 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}

func TestALogThatIsFullIsNotWaitedFor(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	fd := int(writer.Fd()) // blocking from here on, as standard output is
	total := 0
	for {
		count, err := WriteNow(fd, make([]byte, 4096))
		if err != nil && err != syscall.EAGAIN {
			t.Skip(err)
		}
		if err != nil {
			break
		}
		total += count
	}
	if total < 4096 {
		t.Errorf("a pipe took %d bytes", total)
	}
}
