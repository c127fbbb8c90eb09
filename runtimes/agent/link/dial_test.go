package link

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

var errSlow = &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}

// dialFor fails slowly, as long as it is given, until the time is over; then it connects.
func dialFor(t *testing.T, silence time.Duration) ([]time.Duration, error) {
	t.Helper()
	var tried []time.Duration
	start := time.Now()
	conn, err := dialPatiently(context.Background(),
		func(_ context.Context, patience time.Duration) (net.Conn, error) {
			tried = append(tried, patience)
			if left := silence - time.Since(start); left > 0 {
				time.Sleep(patience)
				return nil, errSlow
			}
			one, _ := net.Pipe()
			return one, nil
		})
	if err == nil {
		_ = conn.Close()
	}
	return tried, err
}

func TestALostFirstPacketIsSentAnewSoonerThanTCPWould(t *testing.T) {
	tried, err := dialFor(t, 350*time.Millisecond)
	if err != nil || len(tried) < 3 || len(tried) > 6 {
		t.Fatal(tried, err)
	}
}

func TestASlowNetworkIsGivenMoreTime(t *testing.T) {
	tried, err := dialFor(t, time.Hour)
	if err == nil || tried[len(tried)-1] <= 2*tried[0] {
		t.Fatal(tried, err)
	}
}

func TestARefusedConnectionIsNotTriedAgainHere(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	count := 0
	_, err := dialPatiently(context.Background(),
		func(context.Context, time.Duration) (net.Conn, error) {
			count++
			return nil, refused
		})
	if count != 1 || !errors.Is(err, refused) {
		t.Fatal(count, err)
	}
}
