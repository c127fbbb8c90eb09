// Package link speaks docs/link.md from the agent's side: frames, proofs, dialling, flow control.
//
// Contract: knows the wire and nothing of runtimes. What arrives is handed to a Handler; what is to
// be sent is queued, never waited for. The Python twin is operator/kubelambda/core/wire/frames.py; both
// pass tests/vectors/link.json.
package link

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Type is the type byte of a frame.
type Type uint8

// Frame types below FirstIgnorable must be known to both sides.
const (
	Challenge    Type = 0x01
	Hello        Type = 0x02
	Welcome      Type = 0x03
	Redirect     Type = 0x04
	Refuse       Type = 0x05
	Configure    Type = 0x10
	InitDone     Type = 0x11
	InitError    Type = 0x12
	Invoke       Type = 0x20
	InvokeBody   Type = 0x21
	InvokeEnd    Type = 0x22
	Response     Type = 0x30
	ResponseBody Type = 0x31
	ResponseEnd  Type = 0x32
	Idle         Type = 0x33
	Log          Type = 0x40
	Credit       Type = 0x50
	Ping         Type = 0x60
	Pong         Type = 0x61
	Drain        Type = 0x70
	Shutdown     Type = 0x71
	Goaway       Type = 0x72
	// Leaving is ignorable: a gateway that does not know it may lose an event that it sends now.
	Leaving        Type = 0x80
	FirstIgnorable Type = 0x80
)

// Limits of docs/link.md, section 2.
const (
	BodyBytesMax            = 65_536
	ControlBytesMax         = 1_048_576
	UnauthenticatedBytesMax = 4_096
	WindowBytes             = 262_144
	headerBytes             = 4
)

// ErrProtocol wraps every broken rule of docs/link.md; the connection cannot go on.
var ErrProtocol = errors.New("link protocol error")

// Frame is one frame as it came off the wire; Payload belongs to the receiver.
type Frame struct {
	Type    Type
	Payload []byte
}

func (t Type) known() bool {
	switch t {
	case Challenge, Hello, Welcome, Redirect, Refuse, Configure, InitDone, InitError, Invoke,
		InvokeBody, InvokeEnd, Response, ResponseBody, ResponseEnd, Idle, Log, Credit, Ping, Pong,
		Drain, Shutdown, Goaway, Leaving:
		return true
	}
	return false
}

func (t Type) isBody() bool { return t == InvokeBody || t == ResponseBody }

// AppendFrame appends one frame on the wire to dst.
func AppendFrame(dst []byte, t Type, payload []byte) []byte {
	dst = appendHeader(dst, t, len(payload))
	return append(dst, payload...)
}

// appendFramed appends a frame whose payload is what write appends.
func appendFramed(dst []byte, t Type, write func(dst []byte) []byte) []byte {
	begin := len(dst)
	dst = write(appendHeader(dst, t, 0))
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-headerBytes))
	return dst
}

func appendHeader(dst []byte, t Type, payloadBytes int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(payloadBytes+1))
	return append(dst, byte(t))
}

// AppendCredit appends a credit frame: the peer may send so many more body bytes.
func AppendCredit(dst []byte, byteCount int) []byte {
	return AppendFrame(dst, Credit, binary.BigEndian.AppendUint32(nil, uint32(byteCount)))
}

// Reader cuts a byte stream into frames. It begins unauthenticated (4 KiB a frame).
type Reader struct {
	Authenticated bool
	source        *bufio.Reader
}

// NewReader reads frames from source.
func NewReader(source *bufio.Reader) *Reader { return &Reader{source: source} }

// Next gives the next frame of a known type; unknown types from 0x80 up are passed over.
func (r *Reader) Next() (Frame, error) {
	for {
		frame, err := r.next()
		if err != nil || frame.Type.known() {
			return frame, err
		}
	}
}

func (r *Reader) next() (Frame, error) {
	head, err := r.source.Peek(headerBytes + 1)
	if len(head) >= headerBytes && binary.BigEndian.Uint32(head) == 0 {
		return Frame{}, broken("frame of length 0")
	}
	if err != nil {
		return Frame{}, cutShort(head, err)
	}
	length, kind := binary.BigEndian.Uint32(head), Type(head[headerBytes])
	if err := r.checkHeader(length, kind); err != nil {
		return Frame{}, err
	}
	_, _ = r.source.Discard(headerBytes + 1)
	payload := make([]byte, length-1)
	if _, err := io.ReadFull(r.source, payload); err != nil {
		return Frame{}, io.ErrUnexpectedEOF
	}
	return Frame{kind, payload}, nil
}

func cutShort(head []byte, err error) error {
	if len(head) > 0 && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *Reader) checkHeader(length uint32, kind Type) error {
	if kind < FirstIgnorable && !kind.known() {
		return broken("unknown frame type 0x%02x", uint8(kind))
	}
	limit := uint32(ControlBytesMax)
	switch {
	case !r.Authenticated:
		limit = UnauthenticatedBytesMax
	case kind.isBody():
		limit = BodyBytesMax + 1
	}
	if length > limit {
		return broken("frame of %d bytes, over the limit of %d", length, limit)
	}
	return nil
}

// DecodeControl fills fields from the JSON object of a control frame.
func DecodeControl(payload []byte, fields any) error {
	if trimmed := skipSpace(payload); len(trimmed) == 0 || trimmed[0] != '{' {
		return broken("control payload is not a JSON object")
	}
	if !utf8.Valid(payload) {
		return broken("control payload is not UTF-8")
	}
	if err := json.Unmarshal(payload, fields); err != nil {
		return broken("control payload: %v", err)
	}
	return nil
}

// DecodeCredit gives the byte count of a credit frame.
func DecodeCredit(payload []byte) (int, error) {
	if len(payload) != headerBytes {
		return 0, broken("credit payload is not 4 bytes")
	}
	return int(binary.BigEndian.Uint32(payload)), nil
}

func skipSpace(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\n' || text[0] == '\t' || text[0] == '\r') {
		text = text[1:]
	}
	return text
}

// Violation is an error of the environment's own about what the gateway sent.
func Violation(what string) error { return broken("%s", what) }

func broken(format string, arguments ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrProtocol}, arguments...)...)
}
