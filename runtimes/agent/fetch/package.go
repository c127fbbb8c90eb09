// Package fetch brings packages of code and layers: from a gateway by itself, from a URL or a bucket by
// another program.
//
// Contract: what it gives is whole and is what its SHA-256 names, or it gives an error: a *Error is
// for the function's owner and final, anything else is a matter of the platform's. It speaks the few
// lines of HTTP that a gateway answers by hand, since net/http would double the agent's memory.
package fetch

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// PackageBytesMax is AWS's limit of a package as it is uploaded.
const PackageBytesMax = 52_428_800

const (
	headBytesMax = 8 * 1024
	dialTimeout  = 5 * time.Second
	// silence is how long a gateway may send nothing in the middle of a package.
	silence  = 20 * time.Second
	firstGap = 100 * time.Millisecond
	longGap  = 2 * time.Second
)

// Error is a package that cannot be had, however often one asks.
type Error struct{ message string }

func (e *Error) Error() string { return e.message }

func final(format string, arguments ...any) error {
	return &Error{fmt.Sprintf(format, arguments...)}
}

// Gateway is where packages come from, and as whom they are asked for.
type Gateway struct {
	Address       string
	UID           string
	KeyGeneration int
	Key           []byte
}

// Package writes the package named sha256 to a file; a gateway that cannot be reached or has no
// access to its store is asked again until ctx ends.
func (g Gateway) Package(ctx context.Context, name string, file *os.File) error {
	for gap := firstGap; ; gap = min(2*gap, longGap) {
		err := g.try(ctx, name, file)
		var lasting *Error
		if err == nil || errors.As(err, &lasting) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("package %s: %w", name, err)
		case <-time.After(gap):
		}
	}
}

func (g Gateway) try(ctx context.Context, name string, file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", g.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(silence))
	if err := g.ask(conn, name); err != nil {
		return err
	}
	buffered := bufio.NewReaderSize(conn, headBytesMax)
	length, err := readHead(buffered, name)
	if err != nil {
		return err
	}
	return receive(conn, buffered, length, name, file)
}

func (g Gateway) ask(conn net.Conn, name string) error {
	_, err := fmt.Fprintf(conn, "GET /internal/v1/packages/%s HTTP/1.1\r\nHost: %s\r\n"+
		"X-Kubelambda-Package: %s\r\nConnection: close\r\n\r\n",
		name, g.Address, g.authorize(name, time.Now().Unix()))
	return err
}

// authorize is core.packages.authorize_fetch.
func (g Gateway) authorize(name string, now int64) string {
	mac := hmac.New(sha256.New, g.Key)
	fmt.Fprintf(mac, "kubelambda-package/1\n%s\n%s\n%d", g.UID, name, now)
	proof := hex.EncodeToString(mac.Sum(nil))
	return fmt.Sprintf("%s:%d:%d:%s", g.UID, g.KeyGeneration, now, proof)
}

// readHead gives the length of the body that follows a 200.
func readHead(buffered *bufio.Reader, name string) (int64, error) {
	status, err := readLine(buffered)
	if err != nil {
		return 0, err
	}
	length := int64(-1)
	for {
		line, err := readLine(buffered)
		if err != nil {
			return 0, err
		}
		if line == "" {
			break
		}
		header, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(header, "Content-Length") {
			length, _ = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return length, judge(status, length, name)
}

func judge(status string, length int64, name string) error {
	switch {
	case strings.HasPrefix(status, "HTTP/1.1 404 "):
		return final("no package %s has been uploaded", name)
	case !strings.HasPrefix(status, "HTTP/1.1 200 "):
		return fmt.Errorf("the gateway answered %q", status[:min(len(status), 80)])
	case length < 0:
		return errors.New("the gateway named no length")
	case length > PackageBytesMax:
		return final("Zipped size must be smaller than %d bytes", PackageBytesMax)
	}
	return nil
}

func readLine(buffered *bufio.Reader) (string, error) {
	line, err := buffered.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func receive(
	conn net.Conn, body io.Reader, length int64, name string, file *os.File,
) error {
	digest := sha256.New()
	source := io.LimitReader(patient{conn, body}, length)
	received, err := io.Copy(io.MultiWriter(file, digest), source)
	switch {
	case err != nil:
		return err
	case received != length:
		return io.ErrUnexpectedEOF
	case hex.EncodeToString(digest.Sum(nil)) != name:
		return errors.New("what came is not the package that was asked for")
	}
	return nil
}

// patient gives every read its own time.
type patient struct {
	conn net.Conn
	body io.Reader
}

func (p patient) Read(buffer []byte) (int, error) {
	_ = p.conn.SetReadDeadline(time.Now().Add(silence))
	return p.body.Read(buffer)
}
