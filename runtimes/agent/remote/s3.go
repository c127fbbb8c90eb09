package remote

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/link"
)

const (
	defaultRegion     = "us-east-1"
	errorBodyBytesMax = 4 * 1024
)

// errorCode finds S3's word for what is wrong.
var errorCode = regexp.MustCompile(`<Code>([A-Za-z0-9]{1,64})</Code>`)

// s3Source is an object of a bucket, addressed by its path at any endpoint that speaks S3.
type s3Source struct {
	object   link.S3Source
	endpoint *url.URL
	signer   signer
	now      func() time.Time
}

func newS3Source(object link.S3Source, access fetch.S3Access, now func() time.Time) (source, error) {
	if access.AccessKeyID == "" || access.SecretAccessKey == "" {
		return nil, refuse("code from S3 needs the Secret kubelambda-s3 in the function's namespace, " +
			"with accessKeyId and secretAccessKey (a pod reads it when it starts)")
	}
	region := access.Region
	if region == "" {
		region = defaultRegion
	}
	if access.Endpoint == "" {
		access.Endpoint = "https://s3." + region + ".amazonaws.com"
	}
	endpoint, err := url.Parse(access.Endpoint)
	if err != nil || (endpoint.Path != "" && endpoint.Path != "/") || endpoint.RawQuery != "" {
		return nil, refuse("the endpoint of the Secret kubelambda-s3 is no URL of scheme, host and port alone")
	}
	return s3Source{object, endpoint, signer{
		service: "s3", region: region, accessKeyID: access.AccessKeyID,
		secretAccessKey: access.SecretAccessKey, sessionToken: access.SessionToken,
	}, now}, nil
}

// build signs host, path, version and time; what is set later (User-Agent) is not signed.
func (s s3Source) build() (*http.Request, error) {
	path := "/" + s.object.Bucket + "/" + s.object.Key
	target := *s.endpoint
	target.Path, target.RawPath = path, encode(path, true)
	if s.object.Version != "" {
		target.RawQuery = "versionId=" + encode(s.object.Version, false)
	}
	request := &http.Request{
		Method: http.MethodGet, URL: &target, Host: target.Host, Header: http.Header{},
	}
	request.Header.Set("X-Amz-Content-Sha256", emptyPayload)
	s.signer.sign(request, s.now())
	return request, nil
}

// redirects: none, since the signature is for this host.
func (s s3Source) redirects() int { return 0 }

func (s s3Source) explain(response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, errorBodyBytesMax))
	detail := ""
	if found := errorCode.FindSubmatch(body); found != nil {
		detail = string(found[1])
	}
	return explainStatus(response, "S3 at "+response.Request.URL.Hostname(), detail)
}

// verify: S3 code has no digest of its own to be held to.
func (s s3Source) verify(string) error { return nil }
