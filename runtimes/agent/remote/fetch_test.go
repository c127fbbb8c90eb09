package remote

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/link"
)

const content = "the package"

func nameOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// site is a server that the test allows, and what it was asked for.
type site struct {
	*httptest.Server
	asked atomic.Int64
}

func serve(t *testing.T, handler http.HandlerFunc) *site {
	t.Helper()
	made := &site{}
	made.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made.asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(made.Close)
	return made
}

func give(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, content) }

var quick = Limits{
	Bytes: 1000, Dial: time.Second, Silence: 500 * time.Millisecond, Total: time.Second,
	Retry: 500 * time.Millisecond, Gap: 10 * time.Millisecond, Redirects: 3,
}

// get fetches with quick limits, every loopback address allowed, and gives what is in the file.
func get(t *testing.T, fetcher Fetcher, order fetch.Order) (string, error) {
	t.Helper()
	if order.AllowedHosts == nil {
		order.AllowedHosts = []string{"127.0.0.1"}
	}
	if fetcher.Limits == (Limits{}) {
		fetcher.Limits = quick
	}
	if fetcher.Resolver == nil {
		fetcher.Resolver = names{}
	}
	fetcher.Now = time.Now
	file, err := os.Create(filepath.Join(t.TempDir(), "package"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, _, err = fetcher.Fetch(t.Context(), order, file)
	written, _ := os.ReadFile(file.Name())
	return string(written), err
}

func getURL(t *testing.T, url, sha256 string) (string, error) {
	t.Helper()
	return get(t, Fetcher{}, fetch.Order{URL: &link.URLSource{URL: url, SHA256: sha256}})
}

func expect(t *testing.T, err error, passing bool, words ...string) {
	t.Helper()
	var told *Error
	if !errors.As(err, &told) || told.passing != passing {
		t.Fatalf("got %v", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %q", word, err)
		}
	}
	if strings.Contains(err.Error(), "signature") {
		t.Errorf("the query is in %q", err)
	}
}

func TestAPackageComesAndIsWhatItsDigestSays(t *testing.T) {
	site := serve(t, give)
	got, err := getURL(t, site.URL+"/a.zip?signature=1", nameOf(content))
	if err != nil || got != content {
		t.Fatalf("%q, %v", got, err)
	}
	_, err = getURL(t, site.URL+"/a.zip?signature=1", nameOf("other"))
	expect(t, err, false, "SHA-256", nameOf(content), nameOf("other"))
}

func TestHTTPSIsSpokenToTheNameThatWasChecked(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(give))
	defer server.Close()
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	order := fetch.Order{
		// The certificate is for example.com; an allowed name may not be loopback, so it is no name here.
		URL:          &link.URLSource{URL: "https://127.0.0.1:" + port + "/", SHA256: nameOf(content)},
		AllowedHosts: []string{"127.0.0.1"},
	}
	if got, err := get(t, Fetcher{TLS: trusted}, order); err != nil || got != content {
		t.Errorf("%q, %v", got, err)
	}
	_, err := get(t, Fetcher{TLS: &tls.Config{}}, order)
	expect(t, err, false, "certificate of 127.0.0.1 is not trusted")
}

// F19: a redirect is followed within one origin only, three times.
func TestF19Redirects(t *testing.T) {
	elsewhere := serve(t, give)
	cases := map[string]struct {
		to      string
		word    string
		arrives bool
	}{
		"the same host":          {"/end", "", true},
		"another port":           {elsewhere.URL, "redirects to another host", false},
		"another host":           {"https://code.example/a", "redirects to another host (code.example)", false},
		"the metadata service":   {"http://169.254.169.254/latest?signature=1", "redirects to another host", false},
		"another spelling":       {"http://2130706433/", "redirects to another host", false},
		"another scheme":         {"file:///etc/passwd", "", false},
		"no end":                 {"/again", "redirects more than 3 times", false},
		"a protocol-relative //": {"//kubernetes.default/a", "redirects to another host", false},
	}
	for name, one := range cases {
		site := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/end" {
				give(w, r)
				return
			}
			http.Redirect(w, r, one.to, http.StatusFound)
		})
		got, err := getURL(t, site.URL, nameOf(content))
		if one.arrives != (err == nil) || one.arrives != (got == content) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if !one.arrives {
			expect(t, err, false, one.word)
		}
		if name == "no end" && site.asked.Load() != 4 {
			t.Errorf("%d requests", site.asked.Load())
		}
	}
	if elsewhere.asked.Load() != 0 {
		t.Error("the other host was asked")
	}
}

func TestF19AHostThatIsNotAllowedIsNeverAsked(t *testing.T) {
	site := serve(t, give)
	port := site.URL[strings.LastIndex(site.URL, ":")+1:]
	resolver := names{"code.example": {"127.0.0.1"}}
	for url, word := range map[string]string{
		"http://127.0.0.1:" + port:     "plain http",
		"https://127.0.0.1:" + port:    "a loopback address",
		"https://code.example:" + port: "the host code.example leads to a loopback address (127.0.0.1)",
	} {
		order := fetch.Order{URL: &link.URLSource{URL: url}, AllowedHosts: []string{"other.example"}}
		_, err := get(t, Fetcher{Resolver: resolver}, order)
		expect(t, err, false, word)
	}
	if site.asked.Load() != 0 {
		t.Error("it was asked")
	}
}

func TestF19APackageOverTheLimitIsRefused(t *testing.T) {
	sizes := map[string]http.HandlerFunc{
		"named": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1001")
			w.WriteHeader(http.StatusOK)
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = w.Write(make([]byte, 100))
				w.(http.Flusher).Flush()
			}
		},
	}
	for name, handler := range sizes {
		got, err := getURL(t, serve(t, handler).URL, nameOf(content))
		expect(t, err, false, "Zipped size must be smaller than 1000 bytes")
		if len(got) > 1001 {
			t.Errorf("%s: %d bytes were written", name, len(got))
		}
	}
	if DefaultLimits.Bytes != 52_428_800 {
		t.Error("AWS's limit is another one")
	}
}

func TestF19ASlowServerIsGivenUp(t *testing.T) {
	released := make(chan struct{})
	defer close(released)
	silent := serve(t, func(_ http.ResponseWriter, _ *http.Request) { <-released })
	_, err := getURL(t, silent.URL+"/?signature=1", nameOf(content))
	expect(t, err, true, "127.0.0.1 has sent nothing for 500ms")
	stalled := serve(t, func(w http.ResponseWriter, r *http.Request) {
		give(w, r)
		w.(http.Flusher).Flush()
		<-released
	})
	_, err = getURL(t, stalled.URL, nameOf(content))
	expect(t, err, true, "has sent nothing for 500ms")
	dripping := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			give(w, r)
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})
	begin := time.Now()
	_, err = getURL(t, dripping.URL+"/?signature=1", nameOf(content))
	expect(t, err, true, "takes longer than 1s")
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	var count atomic.Int64
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch count.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "cut off")
		default:
			give(w, r)
		}
	})
	if got, err := getURL(t, site.URL, nameOf(content)); err != nil || got != content {
		t.Errorf("%q, %v", got, err)
	}
	missing := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	_, err := getURL(t, missing.URL+"/?signature=1", nameOf(content))
	expect(t, err, false, "127.0.0.1 answered 404 Not Found")
	if missing.asked.Load() != 1 {
		t.Errorf("%d requests", missing.asked.Load())
	}
	missing.Close()
	_, err = getURL(t, missing.URL, nameOf(content))
	expect(t, err, true, "cannot be reached: connection refused")
}

func TestAProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy, site := serve(t, give), serve(t, give)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if _, err := getURL(t, site.URL, nameOf(content)); err != nil || proxy.asked.Load() != 0 {
		t.Errorf("%v, %d requests to the proxy", err, proxy.asked.Load())
	}
}
