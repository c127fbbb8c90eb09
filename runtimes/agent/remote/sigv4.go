package remote

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	dateTime  = "20060102T150405Z"
	dateOnly  = "20060102"
	// emptyPayload is the SHA-256 of nothing, the body of a GET.
	emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// signer signs as AWS Signature Version 4 wants it of S3: the path is encoded once.
type signer struct {
	service         string
	region          string
	accessKeyID     string
	secretAccessKey string
	sessionToken    string
}

// sign adds X-Amz-Date, X-Amz-Security-Token and Authorization to a request without a body; all headers
// that it has are signed.
func (s signer) sign(request *http.Request, now time.Time) {
	moment := now.UTC()
	request.Header.Set("X-Amz-Date", moment.Format(dateTime))
	if s.sessionToken != "" {
		request.Header.Set("X-Amz-Security-Token", s.sessionToken)
	}
	canonical, signed := canonicalize(request)
	scope := strings.Join([]string{moment.Format(dateOnly), s.region, s.service, "aws4_request"}, "/")
	digest := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{
		algorithm, moment.Format(dateTime), scope, hex.EncodeToString(digest[:]),
	}, "\n")
	key := []byte("AWS4" + s.secretAccessKey)
	for _, part := range strings.Split(scope, "/") {
		key = hmacSHA256(key, part)
	}
	request.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%x",
		algorithm, s.accessKeyID, scope, signed, hmacSHA256(key, text)))
}

// canonicalize gives the canonical request and the names of the signed headers.
func canonicalize(request *http.Request) (canonical, signed string) {
	headers := map[string]string{"host": request.URL.Host}
	for name, values := range request.Header {
		var trimmed []string
		for _, value := range values {
			trimmed = append(trimmed, strings.Join(strings.Fields(value), " "))
		}
		headers[strings.ToLower(name)] = strings.Join(trimmed, ",")
	}
	var names []string
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(name + ":" + headers[name] + "\n")
	}
	signed = strings.Join(names, ";")
	path := request.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	return strings.Join([]string{
		request.Method, path, canonicalQuery(request), lines.String(), signed, emptyPayload,
	}, "\n"), signed
}

func canonicalQuery(request *http.Request) string {
	var pairs []string
	for name, values := range request.URL.Query() {
		for _, value := range values {
			pairs = append(pairs, encode(name, false)+"="+encode(value, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encode is AWS's UriEncode; in paths slashes stay.
func encode(text string, isPath bool) string {
	var encoded strings.Builder
	for _, one := range []byte(text) {
		switch {
		case one >= 'A' && one <= 'Z', one >= 'a' && one <= 'z', one >= '0' && one <= '9',
			strings.IndexByte("-._~", one) >= 0, one == '/' && isPath:
			encoded.WriteByte(one)
		default:
			fmt.Fprintf(&encoded, "%%%02X", one)
		}
	}
	return encoded.String()
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
