package remote

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/link"
)

// The vectors that AWS publishes: the test suite of Signature Version 4 and the examples of "Signature
// Calculations for the Authorization Header" in the documentation of S3.
func TestTheSignaturesAreThoseThatAWSPublishes(t *testing.T) {
	suite := signer{
		service: "service", region: "us-east-1", accessKeyID: "AKIDEXAMPLE",
		secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	}
	s3 := signer{
		service: "s3", region: "us-east-1", accessKeyID: "AKIAIOSFODNN7EXAMPLE",
		secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	cases := []struct {
		name, moment, url string
		headers           map[string]string
		signer            signer
		signature         string
	}{
		{
			"suite: get-vanilla", "20150830T123600Z", "https://example.amazonaws.com/", nil, suite,
			"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
		},
		{
			"suite: get-vanilla-query-order-key-case", "20150830T123600Z",
			"https://example.amazonaws.com/?Param2=value2&Param1=value1", nil, suite,
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
		},
		{
			"S3: GET object", "20130524T000000Z", "https://examplebucket.s3.amazonaws.com/test.txt",
			map[string]string{"Range": "bytes=0-9", "X-Amz-Content-Sha256": emptyPayload}, s3,
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		{
			"S3: GET bucket lifecycle", "20130524T000000Z", "https://examplebucket.s3.amazonaws.com/?lifecycle",
			map[string]string{"X-Amz-Content-Sha256": emptyPayload}, s3,
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		{
			"S3: list objects", "20130524T000000Z",
			"https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
			map[string]string{"X-Amz-Content-Sha256": emptyPayload}, s3,
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
	}
	for _, one := range cases {
		request := &http.Request{Method: "GET", URL: mustParse(t, one.url), Header: http.Header{}}
		for name, value := range one.headers {
			request.Header.Set(name, value)
		}
		moment, _ := time.Parse(dateTime, one.moment)
		one.signer.sign(request, moment)
		if got := request.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+one.signature) {
			t.Errorf("%s: got %s", one.name, got)
		}
	}
}

func TestKeysAreEncodedAsAWSEncodesThem(t *testing.T) {
	for text, want := range map[string]string{
		"a b/ä+~.zip": "a%20b/%C3%A4%2B~.zip", "a//b": "a//b", "100%": "100%25", "(x)*'!": "%28x%29%2A%27%21",
	} {
		if got := encode(text, true); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
	if got := encode("a/b=", false); got != "a%2Fb%3D" {
		t.Errorf("got %q", got)
	}
}

func access(endpoint string) *fetch.S3Access {
	return &fetch.S3Access{
		Endpoint: endpoint, Region: "eu-central-1", AccessKeyID: "id", SecretAccessKey: "secret-key",
		SessionToken: "session-token",
	}
}

func TestAnObjectIsAskedForByItsPathItsVersionAndASignature(t *testing.T) {
	var asked *http.Request
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		give(w, r)
	})
	order := fetch.Order{
		S3:     &link.S3Source{Bucket: "my.bucket", Key: "dir/a b+c.zip", Version: "v/1="},
		Access: access(site.URL),
	}
	if got, err := get(t, Fetcher{}, order); err != nil || got != content {
		t.Fatalf("%q, %v", got, err)
	}
	if asked.RequestURI != "/my.bucket/dir/a%20b%2Bc.zip?versionId=v%2F1%3D" {
		t.Errorf("asked for %s", asked.RequestURI)
	}
	authorization := asked.Header.Get("Authorization")
	for _, part := range []string{
		"AWS4-HMAC-SHA256 Credential=id/", "/eu-central-1/s3/aws4_request",
		"SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,",
	} {
		if !strings.Contains(authorization, part) {
			t.Errorf("%q is not in %s", part, authorization)
		}
	}
	if asked.Header.Get("X-Amz-Security-Token") != "session-token" {
		t.Error("the session token is not there")
	}
}

func TestWhatS3AnswersIsNamedWithoutTheCredentials(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>id</AWSAccessKeyId>%s</Error>",
			r.Header.Get("X-Amz-Security-Token"))
	})
	_, err := get(t, Fetcher{}, fetch.Order{
		S3: &link.S3Source{Bucket: "bucket", Key: "key"}, Access: access(site.URL),
	})
	expect(t, err, false, "S3 at 127.0.0.1 answered 403 Forbidden: SignatureDoesNotMatch")
	for _, secret := range []string{"secret-key", "session-token"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("a credential is in %q", err)
		}
	}
}

// F19: the endpoint is the tenant's word too.
func TestF19AnEndpointIsHeldToTheRulesOfURLs(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	for endpoint, word := range map[string]string{
		"http://169.254.169.254":         "plain http",
		"https://169.254.169.254":        "a metadata service's address",
		"http://minio.storage.svc:9000":  "plain http",
		"file:///etc":                    "no URL of scheme",
		"https://s3.example/prefix":      "no URL of scheme",
		"https://name:word@s3.example":   "user name",
		"https://s3.example?signature=1": "no URL of scheme",
		site.URL:                         "redirects more than 0 times",
	} {
		_, err := get(t, Fetcher{}, fetch.Order{
			S3: &link.S3Source{Bucket: "bucket", Key: "key"}, Access: access(endpoint),
		})
		expect(t, err, false, word)
	}
	if site.asked.Load() != 1 {
		t.Errorf("%d requests", site.asked.Load())
	}
}

func TestWithoutCredentialsTheSecretIsNamed(t *testing.T) {
	_, err := get(t, Fetcher{}, fetch.Order{
		S3: &link.S3Source{Bucket: "bucket", Key: "key"}, Access: &fetch.S3Access{Endpoint: "https://s3.example"},
	})
	expect(t, err, false, "needs the Secret kubelambda-s3")
	made, err := newS3Source(link.S3Source{Bucket: "bucket", Key: "key"}, fetch.S3Access{
		AccessKeyID: "id", SecretAccessKey: "secret", Region: "eu-west-1",
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	request, err := made.build()
	if err != nil || request.URL.Host != "s3.eu-west-1.amazonaws.com" {
		t.Errorf("%v, %v", request.URL, err)
	}
}
