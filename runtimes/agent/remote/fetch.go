package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"os"
	"time"

	"kubelambda.io/agent/fetch"
)

// Limits bound one order.
type Limits struct {
	Bytes int64
	// Dial is for one address, Silence for one wait for bytes, Total for the whole order.
	Dial, Silence, Total time.Duration
	// Retry is how long failures that may pass are tried again, every Gap.
	Retry, Gap time.Duration
	Redirects  int
}

// DefaultLimits are those of docs/limits.md.
var DefaultLimits = Limits{
	Bytes: fetch.PackageBytesMax,
	Dial:  5 * time.Second, Silence: 20 * time.Second, Total: 2 * time.Minute,
	Retry: 15 * time.Second, Gap: 500 * time.Millisecond,
	Redirects: 3,
}

const headBytesMax = 64 * 1024

// Fetcher carries out orders.
type Fetcher struct {
	Limits   Limits
	Resolver Resolver
	// TLS is nil for the system's trust.
	TLS *tls.Config
	Now func() time.Time
}

// source is one kind of address.
type source interface {
	// build makes the request, anew for each try.
	build() (*http.Request, error)
	// redirects is how many may be followed.
	redirects() int
	// explain turns an answer other than 200 into an error.
	explain(response *http.Response) error
	// verify refuses what came.
	verify(sha256 string) error
}

// Fetch writes the package to file; gives its SHA-256 and its size.
func (f Fetcher) Fetch(ctx context.Context, order fetch.Order, file *os.File) (string, int64, error) {
	policy, err := newPolicy(order.AllowedHosts, order.PrivateRanges)
	if err != nil {
		return "", 0, err
	}
	from, err := f.choose(order)
	if err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.Limits.Total)
	defer cancel()
	client := f.newClient(policy, from)
	for end := f.Now().Add(f.Limits.Retry); ; {
		sha256, bytes, err := f.try(ctx, client, policy, from, file)
		var told *Error
		mayPass := errors.As(err, &told) && told.passing
		if !mayPass || ctx.Err() != nil || !f.Now().Before(end) {
			return sha256, bytes, err
		}
		select {
		case <-ctx.Done():
			return "", 0, err
		case <-time.After(f.Limits.Gap):
		}
	}
}

func (f Fetcher) choose(order fetch.Order) (source, error) {
	switch {
	case order.URL != nil:
		return urlSource{*order.URL, f.Limits.Redirects}, nil
	case order.S3 != nil && order.Access != nil:
		return newS3Source(*order.S3, *order.Access, f.Now)
	}
	return nil, errors.New("the order to fetch names no source")
}

func (f Fetcher) newClient(policy policy, from source) *http.Client {
	dialer := dialer{policy, f.Resolver, f.Limits.Dial, f.Limits.Silence}
	return &http.Client{
		Transport: &http.Transport{
			// No proxy of the environment: the address that was checked is the one that is dialled.
			Proxy:                  nil,
			DialContext:            dialer.dial,
			TLSClientConfig:        f.TLS,
			TLSHandshakeTimeout:    f.Limits.Silence,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: headBytesMax,
		},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if len(before) > from.redirects() {
				return refuse("%s redirects more than %d times", before[0].URL.Hostname(), from.redirects())
			}
			if origin(next.URL) != origin(before[0].URL) {
				return refuse("%s redirects to another host (%s), which is not followed",
					before[0].URL.Hostname(), cut(next.URL.Hostname()))
			}
			return policy.checkURL(next.URL)
		},
	}
}

func (f Fetcher) try(
	ctx context.Context, client *http.Client, policy policy, from source, file *os.File,
) (string, int64, error) {
	request, err := from.build()
	if err != nil {
		return "", 0, err
	}
	if err := policy.checkURL(request.URL); err != nil {
		return "", 0, err
	}
	request.Header.Set("User-Agent", "kubelambda-fetch")
	request.Header.Set("Accept-Encoding", "identity")
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return "", 0, f.explain(ctx, request.URL, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", 0, from.explain(response)
	}
	sha256, bytes, err := receive(response, file, f.Limits.Bytes)
	if err != nil {
		return "", 0, f.explain(ctx, request.URL, err)
	}
	return sha256, bytes, from.verify(sha256)
}

// explain finds the reason in what the HTTP client says; its own text would hold the whole URL.
func (f Fetcher) explain(ctx context.Context, target *url.URL, err error) error {
	var told *Error
	if errors.As(err, &told) {
		return told
	}
	if ctx.Err() != nil {
		return again("fetching from %s takes longer than %v", target.Hostname(), f.Limits.Total)
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return refuse("the certificate of %s is not trusted: %v", target.Hostname(), certificate.Err)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if timed, is := err.(interface{ Timeout() bool }); is && timed.Timeout() {
		return again("%s has sent nothing for %v", target.Hostname(), f.Limits.Silence)
	}
	return again("%s cannot be read from: %v", target.Hostname(), reasonOf(err))
}
