package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"strings"
	"testing"

	"kubelambda.io/agent/link"
)

// zipped gives a layer as configure carries it; files that begin with #! are programs.
func zipped(t *testing.T, files map[string]string) map[string]any {
	t.Helper()
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	for name, text := range files {
		header := &zip.FileHeader{Name: name}
		header.SetMode(fs.FileMode(0o644))
		if strings.HasPrefix(text, "#!") {
			header.SetMode(fs.FileMode(0o755))
		}
		file, err := writer.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write([]byte(text))
	}
	_ = writer.Close()
	return map[string]any{"zip": base64.StdEncoding.EncodeToString(buffer.Bytes())}
}

// emptyOpt gives the setting for a directory of layers of the test's own, and the directory.
func emptyOpt(t *testing.T) (string, string) {
	root := t.TempDir()
	t.Cleanup(func() {
		// PID 1 closes what it has unpacked; whoever is not root could not remove it then.
		for _, name := range []string{root, root + "/extensions", root + "/bin"} {
			_ = os.Chmod(name, 0o755)
		}
	})
	return "KUBELAMBDA_OPT_ROOT=" + root, root
}

func TestLayersAreUnpackedInOrderBeforeTheRuntimeStarts(t *testing.T) {
	setting, root := emptyOpt(t)
	a := startAgent(t, newGateway(t, testKey), "obey", setting)
	s := a.gateway.session()
	s.configure(map[string]any{"layers": []any{
		zipped(t, map[string]string{"bin/tool": "#!/bin/sh\necho from the layer\n", "both": "one"}),
		map[string]any{"inline": map[string]string{"both": "two"}},
	}})
	s.control(link.InitDone)
	if got, _ := s.do("id-1", `"read `+root+`/both"`, nil); string(got.body) != "two" {
		t.Errorf("got %q", got.body)
	}
	s.do("id-2", `"shell `+root+`/bin/tool"`, nil)
	a.waitForLog("from the layer")
}

func TestAnExtensionOfALayerIsStarted(t *testing.T) {
	setting, _ := emptyOpt(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nexport EXTENSION_NAME=layered TEST_RUNTIME=ext-loop " + invokeAndShutdown +
		"\nexec " + program + "\n"
	a := startAgent(t, newGateway(t, testKey), "obey", setting)
	s := a.gateway.session()
	s.configure(map[string]any{
		"layers": []any{zipped(t, map[string]string{"extensions/layered": script})},
	})
	s.control(link.InitDone)
	s.do("id-1", `"echo 1"`, nil)
	a.waitForLog(`"eventType":"INVOKE"`)
}

func TestTheBootstrapOfALayerIsRun(t *testing.T) {
	setting, _ := emptyOpt(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, newGateway(t, testKey), "obey", setting, "KUBELAMBDA_BOOTSTRAP=[]")
	s := a.gateway.session()
	s.configure(map[string]any{
		"layers": []any{zipped(t, map[string]string{"bootstrap": "#!/bin/sh\nexec " + program + "\n"})},
	})
	s.control(link.InitDone)
	if got, _ := s.do("id-1", `"echo 1"`, nil); string(got.body) != "1" {
		t.Errorf("got %q", got.body)
	}
}

func TestALayerThatCannotBeUsedFailsTheInitAndIsNamed(t *testing.T) {
	setting, _ := emptyOpt(t)
	a := startAgent(t, newGateway(t, testKey), "obey", setting)
	s := a.gateway.session()
	s.configure(map[string]any{"layers": []any{
		zipped(t, map[string]string{"a": "x"}),
		map[string]any{"zip": base64.StdEncoding.EncodeToString([]byte("no zip"))},
	}})
	if fields := s.control(link.InitError); fields["errorType"] != "Runtime.InvalidCode" {
		t.Errorf("got %v", fields)
	}
	got, _ := s.do("id-1", `"echo 1"`, nil)
	if !strings.Contains(string(got.body), "layer 2 of 2: the package is no zip archive") {
		t.Errorf("got %s", got.body)
	}
}

func TestLayersFromAURLAndFromS3AreUnpackedInOrderAndTheirFetcherIsGone(t *testing.T) {
	site := newCodeSite(t) // its one file is app.txt, "fetched", whatever it is asked for
	inside := zipped(t, map[string]string{"app.txt": "inside", "own": "inside"})
	s3 := map[string]any{"s3": map[string]string{"bucket": "bucket", "key": "a.zip"}}
	for name, one := range map[string]struct {
		layers []any
		want   string
	}{
		"URL last":  {[]any{s3, inside, site.source()}, "fetched"},
		"S3 last":   {[]any{site.source(), inside, s3}, "fetched"},
		"both lost": {[]any{site.source(), s3, inside}, "inside"},
	} {
		setting, root := emptyOpt(t)
		fields := map[string]any{"layers": one.layers}
		a, s := startWithFetcher(t, fields, append(s3Variables(site), setting)...)
		s.control(link.InitDone)
		for file, want := range map[string]string{"app.txt": one.want, "own": "inside"} {
			if got, _ := s.do("id-"+file, `"read `+root+"/"+file+`"`, nil); string(got.body) != want {
				t.Errorf("%s: %s is %q", name, file, got.body)
			}
		}
		left, _ := os.ReadDir(root)
		if len(left) != 2 {
			t.Errorf("%s: in the directory of layers are %v", name, left)
		}
		if running := childrenOf(a); len(running) != 1 {
			t.Errorf("%s: besides the runtime there are %v", name, running)
		}
	}
}

func TestALayerThatIsNotWhatItsDigestSaysIsNamedAndNothingOfItIsThere(t *testing.T) {
	site := newCodeSite(t)
	source := site.source()
	source["url"].(map[string]string)["sha256"] = strings.Repeat("0", 64)
	setting, root := emptyOpt(t)
	fields := map[string]any{"layers": []any{zipped(t, map[string]string{"a": "x"}), source}}
	_, s := startWithFetcher(t, fields, loopbackAllowed, setting)
	if failed := s.control(link.InitError); failed["errorType"] != "Runtime.InvalidCode" {
		t.Errorf("got %v", failed)
	}
	got, _ := s.do("id-1", "{}", nil)
	for _, word := range []string{"layer 2 of 2: ", "SHA-256"} {
		if !strings.Contains(string(got.body), word) {
			t.Errorf("%q is not in %s", word, got.body)
		}
	}
	if strings.Contains(string(got.body), "secret-1") {
		t.Errorf("the query is in %s", got.body)
	}
	if _, err := os.Stat(root + "/app.txt"); err == nil {
		t.Error("it was unpacked")
	}
}

// F19: the rules for code are those for layers.
func TestF19ALayerFromAHostThatIsNotAllowedIsNotAskedFor(t *testing.T) {
	site := newCodeSite(t)
	setting, _ := emptyOpt(t)
	fields := map[string]any{"layers": []any{site.source()}}
	_, s := startWithFetcher(t, fields, setting)
	s.control(link.InitError)
	got, _ := s.do("id-1", "{}", nil)
	if !strings.Contains(string(got.body), "layer 1 of 1: code is fetched by https; plain http only") {
		t.Errorf("got %s", got.body)
	}
	if site.last.Load() != nil {
		t.Error("the site was asked")
	}
}

// F22: credentials for a layer are the fetcher's alone, as those for code.
func TestF22CredentialsOfALayersS3ReachNeitherRuntimeNorLog(t *testing.T) {
	site := newCodeSite(t)
	setting, _ := emptyOpt(t)
	source := map[string]any{"s3": map[string]string{"bucket": "bucket", "key": "a.zip"}}
	fields := map[string]any{"layers": []any{source}}
	a, s := startWithFetcher(t, fields, append(s3Variables(site), setting)...)
	s.control(link.InitDone)
	if asked := site.last.Load().Header.Get("Authorization"); !strings.Contains(asked, "access-key-1/") {
		t.Errorf("asked by %s", asked)
	}
	seen, _ := s.do("id-1", "env", nil)
	for _, secret := range []string{"access-key-1", "secret-key-1", "session-token-1", "KUBELAMBDA_S3"} {
		if strings.Contains(string(seen.body)+a.log(), secret) {
			t.Errorf("%s is there to be seen", secret)
		}
	}
}
