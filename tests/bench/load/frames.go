package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Frame types of docs/link.md, section 2, as far as measurements need them.
const (
	frameChallenge    = 0x01
	frameHello        = 0x02
	frameWelcome      = 0x03
	frameRedirect     = 0x04
	frameConfigure    = 0x10
	frameInitDone     = 0x11
	frameInvoke       = 0x20
	frameInvokeBody   = 0x21
	frameInvokeEnd    = 0x22
	frameResponse     = 0x30
	frameResponseBody = 0x31
	frameResponseEnd  = 0x32
	frameIdle         = 0x33
	frameCredit       = 0x50
	framePing         = 0x60
	framePong         = 0x61
	frameDrain        = 0x70
	frameShutdown     = 0x71
	frameGoaway       = 0x72
	frameLeaving      = 0x80
)

func appendFrame(to []byte, kind byte, payload []byte) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(payload)+1))
	return append(append(to, kind), payload...)
}

func appendControl(to []byte, kind byte, fields any) []byte {
	payload, _ := json.Marshal(fields)
	return appendFrame(to, kind, payload)
}

func readFrame(from *bufio.Reader) (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[:4])
	if length == 0 || length > 1<<20 {
		return 0, nil, fmt.Errorf("frame of %d bytes", length)
	}
	payload := make([]byte, length-1)
	_, err := io.ReadFull(from, payload)
	return head[4], payload, err
}

// expectFrame reads the next frame, which has to be of this type, into fields.
func expectFrame(from *bufio.Reader, wanted byte, fields any) error {
	kind, payload, err := readFrame(from)
	if err != nil {
		return err
	}
	if kind != wanted {
		return fmt.Errorf("frame 0x%02x instead of 0x%02x: %s", kind, wanted, payload)
	}
	return json.Unmarshal(payload, fields)
}

// skipHead reads an HTTP head to its blank line.
func skipHead(from *bufio.Reader) error {
	for {
		line, err := from.ReadString('\n')
		if err != nil || strings.TrimSpace(line) == "" {
			return err
		}
	}
}

func prove(key []byte, role string, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, "kubelambda-link/1 "+role+"\n"+strings.Join(parts, "\n"))
	return hex.EncodeToString(mac.Sum(nil))
}
