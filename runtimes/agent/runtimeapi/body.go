package runtimeapi

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

const (
	pieceBytes      = 64 * 1024
	firstPieceBytes = 4 * 1024
)

// bodyReader reads the body of one request, whichever way it is framed.
type bodyReader struct {
	reader    *bufio.Reader
	remaining int64
	chunked   bool
	ended     bool
	trailers  headers
}

func newBodyReader(reader *bufio.Reader, head *request) *bodyReader {
	return &bodyReader{
		reader:    reader,
		remaining: head.contentLength,
		chunked:   head.chunked,
		ended:     !head.chunked && head.contentLength == 0,
	}
}

// read gives what has come so far, without waiting until buffer is full; io.EOF at the proper end,
// io.ErrUnexpectedEOF where the connection broke off before it.
func (b *bodyReader) read(buffer []byte) (int, error) {
	if !b.ended && b.chunked && b.remaining == 0 {
		if err := b.beginChunk(); err != nil {
			return 0, truncated(err)
		}
	}
	if b.ended {
		return 0, io.EOF
	}
	count, err := b.reader.Read(buffer[:min(int64(len(buffer)), b.remaining)])
	if err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	b.remaining -= int64(count)
	return count, truncated(b.endPiece())
}

// collect keeps a whole body of at most limit bytes, in pieces of at most 64 KiB.
func (b *bodyReader) collect(limit int64) ([][]byte, OutcomeKind) {
	if b.remaining > limit {
		return nil, TooLarge
	}
	var pieces [][]byte
	piece := make([]byte, 0, b.firstPiece())
	total := int64(0)
	for {
		count, err := b.read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+count]
		switch {
		case err == io.EOF:
			return append(pieces, piece), Whole
		case err != nil:
			return nil, Truncated
		}
		if total += int64(count); total > limit {
			return nil, TooLarge
		}
		if len(piece) == cap(piece) {
			pieces = append(pieces, piece)
			piece = make([]byte, 0, pieceBytes)
		}
	}
}

func (b *bodyReader) firstPiece() int64 {
	if b.chunked {
		return firstPieceBytes
	}
	return min(b.remaining+1, pieceBytes)
}

func (b *bodyReader) endPiece() error {
	if b.remaining > 0 {
		return nil
	}
	if !b.chunked {
		b.ended = true
		return nil
	}
	var end [2]byte
	if _, err := io.ReadFull(b.reader, end[:]); err != nil {
		return err
	}
	if end != [2]byte{'\r', '\n'} {
		return errMalformed
	}
	return nil
}

func (b *bodyReader) beginChunk() error {
	lines := &lines{reader: b.reader, budget: headBytesMax}
	line, err := lines.next()
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(line, ";")
	length, err := strconv.ParseUint(strings.TrimSpace(size), 16, 40)
	if err != nil {
		return errMalformed
	}
	if length > 0 {
		b.remaining = int64(length)
		return nil
	}
	b.ended = true
	b.trailers, err = readHeaders(lines)
	return err
}

// discard reads on to the end, so that the client can take its answer and the connection lives.
func (b *bodyReader) discard() error {
	if b.ended {
		return nil // as a rule; a buffer for each call was most of the agent's garbage
	}
	buffer := make([]byte, 16*1024)
	for {
		if _, err := b.read(buffer); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
