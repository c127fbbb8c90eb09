package runtimeapi

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func parse(text string) (*request, *bodyReader, error) {
	reader := bufio.NewReaderSize(strings.NewReader(text), 64)
	head, err := readRequest(reader)
	if err != nil {
		return nil, nil, err
	}
	return head, newBodyReader(reader, head), nil
}

func TestARequestIsRead(t *testing.T) {
	head, body, err := parse("POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("y", 1<<20) +
		"\r\nContent-Length: 5\r\n\r\nhello")
	if err != nil {
		t.Fatal(err)
	}
	if head.method != "POST" || head.path != "/a/b" || len(head.headers.get("x-long")) != 1<<20 {
		t.Errorf("got %s %s and %d bytes", head.method, head.path, len(head.headers.get("x-long")))
	}
	if pieces, kind := body.collect(5); kind != Whole || string(pieces[0]) != "hello" {
		t.Errorf("got %q %v", pieces, kind)
	}
}

func TestMalformedHeadsAreRefused(t *testing.T) {
	for rule, text := range map[string]string{
		"no version":                 "GET /\r\n\r\n",
		"another protocol":           "GET / SPDY/3\r\n\r\n",
		"a header without colon":     "GET / HTTP/1.1\r\nHost\r\n\r\n",
		"a space before the colon":   "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
		"a folded header":            "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n",
		"a length that is no number": "POST / HTTP/1.1\r\nContent-Length: 5x\r\n\r\nhello",
		"a negative length":          "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello",
		"a length with a sign":       "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello",
		"an unknown transfer":        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
		"a length beyond any":        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
	} {
		if _, _, err := parse(text); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

func TestAHeadIsLimited(t *testing.T) {
	if _, _, err := parse("GET / HTTP/1.1\r\nA: " + strings.Repeat("x", headBytesMax) + "\r\n\r\n"); !errors.Is(err, errHeadTooLong) {
		t.Errorf("too long: %v", err)
	}
	if _, _, err := parse("GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", headerCountMax+1) + "\r\n"); !errors.Is(err, errHeadTooLong) {
		t.Errorf("too many: %v", err)
	}
}

func TestAChunkedBodyIsJoinedAndItsTrailersRead(t *testing.T) {
	_, body, err := parse("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n" +
		"5\r\nhello\r\n6;x=y\r\n there\r\n0\r\nLambda-Runtime-Function-Error-Type: T\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	pieces, kind := body.collect(100)
	if kind != Whole || string(pieces[0]) != "hello there" || body.trailers.get(errorTypeHeader) != "T" {
		t.Errorf("got %q %v %v", pieces, kind, body.trailers)
	}
}

func TestABodyThatBreaksOffIsTruncated(t *testing.T) {
	for _, text := range []string{
		"Content-Length: 6\r\n\r\nhello",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
	} {
		_, body, err := parse("POST / HTTP/1.1\r\n" + text)
		if err != nil {
			t.Fatal(err)
		}
		if pieces, kind := body.collect(100); kind != Truncated {
			t.Errorf("%q: got %q %v", text, pieces, kind)
		}
	}
}

func TestTheLimitIsExactInBothFramings(t *testing.T) {
	for _, row := range []struct {
		text string
		kind OutcomeKind
	}{
		{"Content-Length: 5\r\n\r\nhello", Whole},
		{"Content-Length: 6\r\n\r\nhello!", TooLarge},
		{"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Whole},
		{"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", TooLarge},
	} {
		_, body, _ := parse("POST / HTTP/1.1\r\n" + row.text)
		if _, kind := body.collect(5); kind != row.kind {
			t.Errorf("%q: got %v", row.text, kind)
		}
	}
}

func TestTinyChunksBecomeLargePieces(t *testing.T) {
	count := 20_000
	_, body, _ := parse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat("1\r\nx\r\n", count) + "0\r\n\r\n")
	pieces, kind := body.collect(int64(count))
	total := 0
	for _, piece := range pieces {
		total += len(piece)
	}
	if kind != Whole || total != count || len(pieces) > 3 {
		t.Errorf("%d bytes in %d pieces, %v", total, len(pieces), kind)
	}
}

func TestAnEmptyBodyIsEmpty(t *testing.T) {
	_, body, _ := parse("POST / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := body.read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v", err)
	}
}

func TestTheCauseIsLeftOutOfAnErrorWithCause(t *testing.T) {
	got := string(stripCause([]byte(`{"errorMessage":"m","errorType":"t","stackTrace":["a"],"errorCause":{"x":1}}`)))
	if got != `{"errorMessage":"m","errorType":"t","stackTrace":["a"]}` {
		t.Errorf("got %s", got)
	}
	if got := string(stripCause([]byte(`not JSON`))); got != "not JSON" {
		t.Errorf("got %s", got)
	}
}
