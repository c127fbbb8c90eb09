package link

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// attempts records the patience of each try and answers with the errors given, then with a connection.
func attempts(t *testing.T, failures ...error) ([]time.Duration, error) {
	t.Helper()
	var tried []time.Duration
	conn, err := dialPatiently(context.Background(),
		func(_ context.Context, patience time.Duration) (net.Conn, error) {
			tried = append(tried, patience)
			if len(tried) <= len(failures) {
				return nil, failures[len(tried)-1]
			}
			one, _ := net.Pipe()
			return one, nil
		})
	if err == nil {
		_ = conn.Close()
	}
	return tried, err
}

var errSlow = &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}

func TestALostFirstPacketIsSentAnewSoonerThanTCPWould(t *testing.T) {
	tried, err := attempts(t, errSlow, errSlow, errSlow)
	if err != nil || len(tried) != 4 {
		t.Fatal(tried, err)
	}
	if sum := tried[0] + tried[1] + tried[2]; sum >= time.Second {
		t.Errorf("three tries take %v, longer than TCP's own repetition", sum)
	}
	if tried[3] != 8*tried[0] {
		t.Errorf("a slow network is not given more time: %v", tried)
	}
}

func TestARefusedConnectionIsNotTriedAgainHere(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	if tried, err := attempts(t, refused); len(tried) != 1 || !errors.Is(err, refused) {
		t.Fatal(tried, err)
	}
}

func TestTriesEndWithTheirTime(t *testing.T) {
	slow := make([]error, 100)
	for i := range slow {
		slow[i] = errSlow
	}
	tried, err := attempts(t, slow...)
	if err == nil || len(tried) > 10 || tried[len(tried)-1] > dialTimeout {
		t.Fatal(tried, err)
	}
}
