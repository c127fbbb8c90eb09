package remote

import (
	"net/http"
	"net/url"

	"kubelambda.io/agent/link"
)

// urlSource is a package that is what its SHA-256 names.
type urlSource struct {
	link.URLSource
	follow int
}

func (s urlSource) build() (*http.Request, error) {
	target, err := url.Parse(s.URL)
	if err != nil {
		return nil, refuse("the URL of the code is none")
	}
	return &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: http.Header{}}, nil
}

func (s urlSource) redirects() int { return s.follow }

func (s urlSource) explain(response *http.Response) error {
	return explainStatus(response, response.Request.URL.Hostname(), "")
}

func (s urlSource) verify(sha256 string) error {
	if sha256 != s.SHA256 {
		return refuse("the SHA-256 of what the URL gives is %s, not %s as code.sha256 says", sha256, s.SHA256)
	}
	return nil
}

// explainStatus: a server's own trouble may pass.
func explainStatus(response *http.Response, host, detail string) error {
	if detail != "" {
		detail = ": " + detail
	}
	status := response.StatusCode
	explained := refuse
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests ||
		status == http.StatusRequestTimeout {
		explained = again
	}
	return explained("%s answered %d %s%s", host, status, http.StatusText(status), detail)
}
