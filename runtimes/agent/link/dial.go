package link

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"kubelambda.io/agent/quiet"
)

const (
	dialTimeout    = 5 * time.Second
	userTimeoutMs  = 15_000
	tcpUserTimeout = 18 // TCP_USER_TIMEOUT, absent from package syscall
	headBytesMax   = 4 * 1024
	protocolName   = "kubelambda-link/1"
)

// dial opens a TCP connection to address and upgrades it to the link.
func dial(ctx context.Context, address string) (*quiet.Conn, *bufio.Reader, error) {
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: -1, Control: setUserTimeout}
	dialled, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	conn := quiet.NewConn(dialled)
	_ = conn.SetDeadline(time.Now().Add(authenticate))
	buffered := bufio.NewReaderSize(conn, readerBytes)
	if err := upgrade(conn, buffered, address); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return conn, buffered, nil
}

func setUserTimeout(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		// A kernel that refuses it leaves us with the 20 s of silence.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, userTimeoutMs)
	})
}

func upgrade(conn net.Conn, buffered *bufio.Reader, address string) error {
	_, err := fmt.Fprintf(conn, "GET /link/v1 HTTP/1.1\r\nHost: %s\r\n"+
		"Connection: Upgrade\r\nUpgrade: %s\r\n\r\n", address, protocolName)
	if err != nil {
		return err
	}
	status, err := readHeadLine(buffered)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 101 ") {
		return fmt.Errorf("no link at %s: it answered %q", address, cut(status))
	}
	return expectUpgrade(buffered)
}

func expectUpgrade(buffered *bufio.Reader) error {
	upgraded, total := false, 0
	for {
		line, err := readHeadLine(buffered)
		if err != nil {
			return err
		}
		if line == "" {
			break
		}
		if total += len(line); total > headBytesMax {
			return fmt.Errorf("the head of the upgrade is over %d bytes", headBytesMax)
		}
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Upgrade") && strings.TrimSpace(value) == protocolName {
			upgraded = true
		}
	}
	if !upgraded {
		return fmt.Errorf("the upgrade is not to %s", protocolName)
	}
	return nil
}

func readHeadLine(buffered *bufio.Reader) (string, error) {
	line, err := buffered.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func cut(text string) string {
	if len(text) > 80 {
		return text[:80]
	}
	return text
}
