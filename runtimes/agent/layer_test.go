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
