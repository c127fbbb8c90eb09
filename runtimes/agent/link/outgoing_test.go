package link

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"kubelambda.io/agent/quiet"
)

// connect gives both ends of a TCP connection; ours has a sender.
func connect(t *testing.T) (*outgoing, net.Conn) {
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
	ours := quiet.NewConn(dialled)
	ours.AllowWaits()
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	out := newOutgoing(ours)
	go out.run()
	t.Cleanup(func() { out.close(); _ = ours.Close(); _ = theirs.Close() })
	return out, theirs
}

func expect(t *testing.T, conn net.Conn, wanted []byte) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	got := make([]byte, len(wanted))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, wanted) {
		t.Fatalf("%v; the bytes differ: %v", err, !bytes.Equal(got, wanted))
	}
}

func expectSilence(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if count, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatalf("%d bytes too many", count)
	}
}

func TestBodiesWaitForCreditAndHoldBackOnlyTheirOwnEnd(t *testing.T) {
	out, theirs := connect(t)
	chunk := bytes.Repeat([]byte("x"), BodyBytesMax)
	var first []byte
	for range 4 {
		out.send(bodyFrame(chunk))
		first = AppendFrame(first, ResponseBody, chunk)
	}
	expect(t, theirs, first)
	out.send(bodyFrame([]byte("late")), controlFrame(ResponseEnd, nil))
	expectSilence(t, theirs)
	out.sendUrgent(AppendFrame(nil, Pong, nil))
	expect(t, theirs, AppendFrame(nil, Pong, nil))
	out.addCredit(3)
	expectSilence(t, theirs)
	out.addCredit(1)
	expect(t, theirs, AppendFrame(AppendFrame(nil, ResponseBody, []byte("late")), ResponseEnd, []byte("{}")))
}

func TestTheWindowNeverGrowsOverItsFullSize(t *testing.T) {
	out, theirs := connect(t)
	out.addCredit(WindowBytes)
	chunk := make([]byte, BodyBytesMax)
	for range 5 {
		out.send(bodyFrame(chunk))
	}
	expect(t, theirs, bytes.Repeat(AppendFrame(nil, ResponseBody, chunk), 4))
	expectSilence(t, theirs)
}

func TestEachEventBeginsWithAFullWindow(t *testing.T) {
	out, theirs := connect(t)
	chunk := make([]byte, BodyBytesMax)
	for range 2 {
		out.beginEvent()
		for range 4 {
			out.send(bodyFrame(chunk))
		}
		expect(t, theirs, bytes.Repeat(AppendFrame(nil, ResponseBody, chunk), 4))
	}
}

func TestAPeerThatDoesNotReadDelaysNobodyAndLosesNothing(t *testing.T) {
	out, theirs := connect(t)
	var wanted []byte
	begin := time.Now()
	for number := range 3000 {
		frame := controlFrame(Idle, IdleReport{RequestID: string(rune('a' + number%26)), DurationMs: float64(number)})
		frame.header = append(frame.header, make([]byte, 2000)...) // large, to fill the socket
		out.send(frame)
		wanted = append(wanted, frame.header...)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("queueing took %v", took)
	}
	expect(t, theirs, wanted)
}

func TestFinishSendsWhatIsQueuedAndCloses(t *testing.T) {
	out, theirs := connect(t)
	frame := controlFrame(Idle, IdleReport{})
	out.send(frame)
	out.finish()
	expect(t, theirs, frame.header)
	if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v", err)
	}
}
