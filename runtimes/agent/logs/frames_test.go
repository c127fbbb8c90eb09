package logs

import (
	"encoding/binary"
	"strings"
	"testing"
)

// frame is a record as AWS's clients write it (spec/lambda.md, section 1.9).
func frame(text string) string {
	header := binary.BigEndian.AppendUint32(nil, 0xA55A0003)
	header = binary.BigEndian.AppendUint32(header, uint32(len(text)))
	header = binary.BigEndian.AppendUint64(header, 1767225600000000)
	return string(header) + text
}

// unframe shows text as it is and the edges of records as "|"; it is given the pieces one by one, and
// then that there is no more.
func unframe(pieces ...string) string {
	var got strings.Builder
	take := func(data []byte) { got.Write(data) }
	u := unframer{text: take, edge: func() { got.WriteByte('|') }}
	for _, piece := range pieces {
		u.take([]byte(piece))
	}
	u.pause()
	return got.String()
}

func TestARecordHasEdges(t *testing.T) {
	for name, example := range map[string]struct{ given, wanted string }{
		"text alone":             {"plain\n", "plain\n"},
		"a record":               {frame("one"), "|one|"},
		"records in a row":       {frame("one") + frame("two\n"), "|one||two\n|"},
		"between text":           {"a" + frame("lines\nof one") + "b\n", "a|lines\nof one|b\n"},
		"an empty one":           {frame("") + "b", "||b"},
		"a byte of a header":     {"ein Z: \xc3\xa5Z\n", "ein Z: \xc3\xa5Z\n"},
		"such a byte at the end": {"\xc3\xa5", "\xc3\xa5"},
		"a header inside":        {frame("a\xa5\x5a\x00\x03b"), "|a\xa5\x5a\x00\x03b|"},
	} {
		if got := unframe(example.given); got != example.wanted {
			t.Errorf("%s: got %q", name, got)
		}
		bytes := make([]string, 0, len(example.given))
		for at := range len(example.given) {
			bytes = append(bytes, example.given[at:at+1])
		}
		if got := unframe(bytes...); got != example.wanted {
			t.Errorf("%s, byte by byte: got %q", name, got)
		}
	}
}

func TestWhatIsNoHeaderAfterAllIsTextOnceNothingFollows(t *testing.T) {
	var got strings.Builder
	take := func(data []byte) { got.Write(data) }
	u := unframer{text: take, edge: func() {}}
	u.take([]byte("\xa5\x5a\x00"))
	if got.String() != "" {
		t.Errorf("taken at once: %q", got.String())
	}
	u.pause()
	u.take([]byte("\x03x"))
	if got.String() != "\xa5\x5a\x00\x03x" {
		t.Errorf("got %q", got.String())
	}
}
