package logs

import (
	"os"
	"strings"
	"testing"
	"time"
)

// startPiped gives a sink into a pipe, and its reader.
func startPiped(t *testing.T) (*Sink, *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close(); _ = writer.Close() })
	return NewSink(writer), reader
}

func readSome(t *testing.T, reader *os.File) string {
	t.Helper()
	_ = reader.SetReadDeadline(time.Now().Add(5 * time.Second))
	buffer := make([]byte, 64*1024)
	count, err := reader.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:count])
}

func TestLinesThatFollowEachOtherShareAWriteInTime(t *testing.T) {
	sink, reader := startPiped(t)
	sink.System("first\n")
	if got := readSome(t, reader); got != "first\n" {
		t.Fatalf("got %q", got)
	}
	sink.mutex.Lock()
	sink.wroteAt = time.Now().Add(200 * time.Millisecond) // so that this test may be slow
	sink.mutex.Unlock()
	sink.System("second\n")
	sink.System("third\n")
	if got := readSome(t, reader); got != "second\nthird\n" {
		t.Errorf("got %q", got)
	}
}

func TestMuchIsWrittenAtOnce(t *testing.T) {
	sink, reader := startPiped(t)
	sink.System("first\n")
	readSome(t, reader)
	sink.due.Stop()
	sink.System(strings.Repeat("x", writeBytes) + "\n")
	if got := readSome(t, reader); len(got) != writeBytes+1 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestAReaderThatTakesNothingLosesNothing(t *testing.T) {
	sink, reader := startPiped(t)
	var wanted strings.Builder
	for number := range 3000 {
		line := strings.Repeat(string(rune('a'+number%26)), 100) + "\n"
		wanted.WriteString(line)
		sink.System(line)
	}
	var got strings.Builder
	for got.Len() < wanted.Len() {
		got.WriteString(readSome(t, reader))
	}
	if got.String() != wanted.String() {
		t.Error("lines are missing or out of order")
	}
}
