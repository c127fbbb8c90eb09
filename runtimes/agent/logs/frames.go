package logs

import (
	"bytes"
	"encoding/binary"
)

// AWS's clients write records of the log in frames where _LAMBDA_TELEMETRY_LOG_FD names a descriptor
// (spec/lambda.md, section 1.9): a header of type, length and time, then the record. Here that is the pipe
// of the function's output, so that records and printed lines keep their order.
var frameType = []byte{0xA5, 0x5A, 0x00}

const (
	frameHeaderBytes = 16
	frameLengthAt    = 4
	frameLengthEnd   = 8
)

// unframer takes the headers out of output that comes cut anywhere. A header is written at once and is
// smaller than what a pipe takes as one, so a part of one that nothing follows is text. Bytes that others
// write between a header and its record count as the record's: nothing is lost, only lines end elsewhere.
type unframer struct {
	// text is given what is not of a header; edge is called where a record begins and where it ends.
	text func(data []byte)
	edge func()
	// held may be the beginning of a header.
	held []byte
	// left is what is still to come of a record.
	left uint32
}

func (u *unframer) take(data []byte) {
	if len(u.held) > 0 {
		data = append(u.held, data...)
		u.held = nil
	}
	for len(data) > 0 {
		switch {
		case u.left > 0:
			data = u.takeRecord(data)
		default:
			data = u.takeText(data)
		}
	}
}

// pause: there is nothing more to be read now.
func (u *unframer) pause() {
	if len(u.held) > 0 {
		u.text(u.held)
		u.held = nil
	}
}

func (u *unframer) takeRecord(data []byte) []byte {
	count := min(uint64(u.left), uint64(len(data)))
	u.text(data[:count])
	u.left -= uint32(count)
	if u.left == 0 {
		u.edge()
	}
	return data[count:]
}

// takeText takes what comes before a header, and the header.
func (u *unframer) takeText(data []byte) []byte {
	at := findFrame(data)
	if at > 0 {
		u.text(data[:at])
	}
	data = data[at:]
	if len(data) < frameHeaderBytes {
		u.held = append([]byte(nil), data...)
		return nil
	}
	u.left = binary.BigEndian.Uint32(data[frameLengthAt:frameLengthEnd])
	u.edge()
	if u.left == 0 {
		u.edge()
	}
	return data[frameHeaderBytes:]
}

// findFrame gives where a header begins, or its beginning that data ends with; the length of data where
// there is none.
func findFrame(data []byte) int {
	if at := bytes.Index(data, frameType); at >= 0 {
		return at
	}
	for size := min(len(frameType)-1, len(data)); size > 0; size-- {
		if bytes.HasSuffix(data, frameType[:size]) {
			return len(data) - size
		}
	}
	return len(data)
}
