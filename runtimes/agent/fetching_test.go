package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

// codeSite serves one package, for as long as it is there, and keeps the last request.
type codeSite struct {
	*httptest.Server
	archive []byte
	missing atomic.Bool
	last    atomic.Pointer[http.Request]
}

func newCodeSite(t *testing.T) *codeSite {
	t.Helper()
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	file, _ := writer.Create("app.txt")
	_, _ = file.Write([]byte("fetched"))
	_ = writer.Close()
	site := &codeSite{archive: buffer.Bytes()}
	site.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site.last.Store(r)
		if site.missing.Load() {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(site.archive)
	}))
	t.Cleanup(site.Close)
	return site
}

func (c *codeSite) source() map[string]any {
	digest := sha256.Sum256(c.archive)
	return map[string]any{"url": map[string]string{
		"url": c.URL + "/a.zip?signature=secret-1", "sha256": hex.EncodeToString(digest[:]),
	}}
}

// startFetching runs an agent that has a fetcher; its code comes from source.
func startFetching(t *testing.T, source map[string]any, variables ...string) (*agent, *session) {
	t.Helper()
	return startWithFetcher(t, map[string]any{"code": source}, variables...)
}

// startWithFetcher runs an agent that has a fetcher and is configured with fields.
func startWithFetcher(t *testing.T, fields map[string]any, variables ...string) (*agent, *session) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fetcher := filepath.Join(t.TempDir(), "kubelambda-fetch")
	if err := os.Symlink(program, fetcher); err != nil {
		t.Fatal(err)
	}
	all := append([]string{"KUBELAMBDA_FETCH_PROGRAM=" + fetcher}, variables...)
	a := startAgent(t, newGateway(t, testKey), "obey", all...)
	s := a.gateway.session()
	s.configure(fields)
	return a, s
}

// childrenOf gives the process IDs below the agent.
func childrenOf(a *agent) []string {
	children, _ := filepath.Glob("/proc/" + strconv.Itoa(a.pid) + "/task/*/children")
	var running []string
	for _, path := range children {
		text, _ := os.ReadFile(path)
		running = append(running, strings.Fields(string(text))...)
	}
	return running
}

const loopbackAllowed = "KUBELAMBDA_ALLOWED_CODE_HOSTS=127.0.0.1"

// s3Variables are a namespace's Secret for S3 at this site.
func s3Variables(site *codeSite) []string {
	return []string{
		loopbackAllowed, "KUBELAMBDA_S3_ENDPOINT=" + site.URL, "KUBELAMBDA_S3_ACCESS_KEY_ID=access-key-1",
		"KUBELAMBDA_S3_SECRET_ACCESS_KEY=secret-key-1", "KUBELAMBDA_S3_SESSION_TOKEN=session-token-1",
	}
}

func TestCodeFromAURLIsUnpackedAndItsFetcherIsGone(t *testing.T) {
	a, s := startFetching(t, newCodeSite(t).source(), loopbackAllowed)
	s.control(link.InitDone)
	if text, err := os.ReadFile(filepath.Join(a.root, "app.txt")); string(text) != "fetched" {
		t.Errorf("%q, %v", text, err)
	}
	left, _ := os.ReadDir(a.root)
	if len(left) != 1 {
		t.Errorf("in the task root are %v", left)
	}
	running := childrenOf(a)
	if len(running) != 1 {
		t.Errorf("besides the runtime there are %v", running)
	}
}

func TestCodeThatIsNotFetchedIsTheOwnersErrorInWords(t *testing.T) {
	site := newCodeSite(t)
	for name, one := range map[string]struct{ allowed, word string }{
		"not allowed": {"", "plain http only from hosts that the installation allows"},
		"not sensible": {
			"KUBELAMBDA_ALLOWED_CODE_HOSTS=http://x", "the allowed code host",
		},
	} {
		_, s := startFetching(t, site.source(), one.allowed)
		if failed := s.control(link.InitError); failed["errorType"] != "Runtime.InvalidCode" {
			t.Errorf("%s: got %v", name, failed)
		}
		got, report := s.do("id-1", "{}", nil)
		if !strings.Contains(string(got.body), one.word) || report["errorType"] != "Runtime.InvalidCode" {
			t.Errorf("%s: got %s", name, got.body)
		}
		if strings.Contains(string(got.body), "secret-1") {
			t.Errorf("%s: the query is in %s", name, got.body)
		}
	}
	if site.last.Load() != nil {
		t.Error("the site was asked")
	}
}

func TestAFetcherThatIsNotThereIsAnError(t *testing.T) {
	_, s := startFetching(t, newCodeSite(t).source(), "KUBELAMBDA_FETCH_PROGRAM=/nowhere/kubelambda-fetch")
	s.control(link.InitError)
	if got, _ := s.do("id-1", "{}", nil); !strings.Contains(string(got.body), "fetching the code: no such file") {
		t.Errorf("got %s", got.body)
	}
}

// What could not be fetched may be there another time: the environment does not stand in its way.
func TestAnEnvironmentWhoseCodeWasNotThereMakesRoomForAnotherTry(t *testing.T) {
	site := newCodeSite(t)
	site.missing.Store(true)
	a, s := startFetching(t, site.source(), loopbackAllowed)
	s.control(link.InitError)
	if got, _ := s.do("id-1", "{}", nil); !strings.Contains(string(got.body), "127.0.0.1 answered 404 Not Found") {
		t.Errorf("got %s", got.body)
	}
	time.Sleep(5 * time.Second)
	s.invoke("id-2", []byte("{}"), nil)
	s.control(link.Leaving)
	if got := s.response(); !strings.Contains(string(got.body), "404") {
		t.Errorf("got %s", got.body)
	}
	s.control(link.Idle)
	s.closed()
	select {
	case err := <-a.exited:
		a.exited <- err
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it stays")
	}
}

// F22: the credentials are the fetcher's alone.
func TestCredentialsOfS3ReachNeitherRuntimeNorLogNorError(t *testing.T) {
	site := newCodeSite(t)
	source := map[string]any{"s3": map[string]string{"bucket": "bucket", "key": "a.zip", "version": "v1"}}
	variables := s3Variables(site)
	a, s := startFetching(t, source, variables...)
	s.control(link.InitDone)
	asked := site.last.Load()
	if asked.RequestURI != "/bucket/a.zip?versionId=v1" || !strings.Contains(
		asked.Header.Get("Authorization"), "Credential=access-key-1/") {
		t.Errorf("asked for %s by %s", asked.RequestURI, asked.Header.Get("Authorization"))
	}
	seen, _ := s.do("id-1", "env", nil)
	site.missing.Store(true)
	other, failing := startFetching(t, source, variables...)
	failing.control(link.InitError)
	told, _ := failing.do("id-1", "{}", nil)
	for _, secret := range []string{"access-key-1", "secret-key-1", "session-token-1", "KUBELAMBDA_S3"} {
		for place, text := range map[string]string{
			"runtime": string(seen.body), "log": a.log() + other.log(), "error": string(told.body),
		} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in the %s", secret, place)
			}
		}
	}
	if !strings.Contains(string(told.body), "S3 at 127.0.0.1 answered 404") {
		t.Errorf("got %s", told.body)
	}
}
