package link

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// vectors are shared with the Python side: tests/unit/core/wire/test_frames.py.
type vectors struct {
	Frames []struct {
		Name       string
		Type       Type
		Payload    *string
		PayloadHex string
		Wire       string
	}
	Credits []struct {
		Bytes int
		Wire  string
	}
	Streams []struct {
		Name          string
		Authenticated bool
		Wire          string
		Frames        [][2]any
		Ignorable     [][2]any
	}
	Malformed []struct {
		Name          string
		Authenticated bool
		Wire          string
		Before        int
	}
	Limits []struct {
		Name          string
		Authenticated bool
		Type          Type
		Length        uint32
		Accepted      bool
	}
	Controls struct{ Good, Bad []control }
	Proofs   []struct {
		Key, GatewayNonce, AgentNonce, UID, Pod, AgentProof, GatewayProof string
	}
}

type control struct {
	Name       string
	PayloadHex string
	Repeat     struct {
		Prefix, Text string
		Count        int
	}
}

func (c control) payload() []byte {
	if c.Repeat.Count > 0 {
		return []byte(c.Repeat.Prefix + strings.Repeat(c.Repeat.Text, c.Repeat.Count))
	}
	return unhex(c.PayloadHex)
}

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile("../../../tests/vectors/link.json")
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func readerOf(wire []byte, authenticated bool) *Reader {
	reader := NewReader(bufio.NewReaderSize(bytes.NewReader(wire), 16))
	reader.Authenticated = authenticated
	return reader
}

func TestFramesLookOnTheWireAsTheVectorsSay(t *testing.T) {
	for _, vector := range readVectors(t).Frames {
		payload := unhex(vector.PayloadHex)
		if vector.Payload != nil {
			payload = []byte(*vector.Payload)
		}
		wire := hex.EncodeToString(AppendFrame(nil, vector.Type, payload))
		if wire != vector.Wire {
			t.Errorf("%s: encoded as %s", vector.Name, wire)
		}
		frame, err := readerOf(unhex(vector.Wire), true).Next()
		if err != nil || frame.Type != vector.Type || !bytes.Equal(frame.Payload, payload) {
			t.Errorf("%s: decoded as %v, %v", vector.Name, frame, err)
		}
	}
}

func TestCreditsAreFourBytes(t *testing.T) {
	for _, vector := range readVectors(t).Credits {
		wire := AppendCredit(nil, vector.Bytes)
		if hex.EncodeToString(wire) != vector.Wire {
			t.Errorf("%d encoded as %x", vector.Bytes, wire)
		}
		if count, err := DecodeCredit(wire[5:]); err != nil || count != vector.Bytes {
			t.Errorf("%d decoded as %d, %v", vector.Bytes, count, err)
		}
	}
	if _, err := DecodeCredit([]byte{0, 0, 1}); !errors.Is(err, ErrProtocol) {
		t.Error("a credit of 3 bytes passed")
	}
}

func TestStreamsAreCutIntoFrames(t *testing.T) {
	for _, vector := range readVectors(t).Streams {
		reader := readerOf(unhex(vector.Wire), vector.Authenticated)
		for _, wanted := range vector.Frames {
			frame, err := reader.Next()
			for range vector.Ignorable {
				if frame.Type >= FirstIgnorable {
					frame, err = reader.Next()
				}
			}
			if err != nil || float64(frame.Type) != wanted[0].(float64) ||
				hex.EncodeToString(frame.Payload) != wanted[1] {
				t.Errorf("%s: got %v, %v in place of %v", vector.Name, frame, err, wanted)
			}
		}
		if frame, err := reader.Next(); err == nil || errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v, %v after the last frame", vector.Name, frame, err)
		}
	}
}

func TestMalformedStreamsAreRefused(t *testing.T) {
	for _, vector := range readVectors(t).Malformed {
		reader := readerOf(unhex(vector.Wire), vector.Authenticated)
		for range vector.Before {
			if _, err := reader.Next(); err != nil {
				t.Errorf("%s: %v", vector.Name, err)
			}
		}
		if _, err := reader.Next(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", vector.Name, err)
		}
	}
}

func TestFramesOverTheirLimitAreRefusedFromTheirHeader(t *testing.T) {
	for _, vector := range readVectors(t).Limits {
		wire := []byte{byte(vector.Length >> 24), byte(vector.Length >> 16), byte(vector.Length >> 8),
			byte(vector.Length), byte(vector.Type)}
		if vector.Accepted {
			wire = append(wire, make([]byte, vector.Length-1)...)
		}
		_, err := readerOf(wire, vector.Authenticated).Next()
		if errors.Is(err, ErrProtocol) == vector.Accepted {
			t.Errorf("%s: %v", vector.Name, err)
		}
	}
}

func TestControlPayloadsAreOneObjectInUTF8(t *testing.T) {
	controls := readVectors(t).Controls
	var fields map[string]any
	for _, vector := range controls.Good {
		if err := DecodeControl(vector.payload(), &fields); err != nil {
			t.Errorf("%s: %v", vector.Name, err)
		}
	}
	for _, vector := range controls.Bad {
		if err := DecodeControl(vector.payload(), &fields); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s passed", vector.Name)
		}
	}
}

func TestProofsAreThoseOfTheVectors(t *testing.T) {
	for _, v := range readVectors(t).Proofs {
		if got := AgentProof(unhex(v.Key), v.GatewayNonce, v.AgentNonce, v.UID, v.Pod); got != v.AgentProof {
			t.Errorf("agent proof %s in place of %s", got, v.AgentProof)
		}
		if got := GatewayProof(unhex(v.Key), v.GatewayNonce, v.AgentNonce, v.UID, v.Pod); got != v.GatewayProof {
			t.Errorf("gateway proof %s in place of %s", got, v.GatewayProof)
		}
	}
}
