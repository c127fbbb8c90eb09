package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubelambda.io/agent/link"
)

// imageCode is what configure says of code that is in the image.
var imageCode = map[string]any{"code": map[string]any{"image": true}}

func TestTheAgentInstallsItselfWhole(t *testing.T) {
	directory := t.TempDir()
	for range 2 { // a restarted init container finds the first copy
		if err := install(directory); err != nil {
			t.Fatal(err)
		}
	}
	own, _ := os.ReadFile("/proc/self/exe")
	copied, err := os.ReadFile(filepath.Join(directory, programName))
	if err != nil || len(copied) == 0 || string(own) != string(copied) {
		t.Errorf("%d of %d bytes: %v", len(copied), len(own), err)
	}
	info, _ := os.Stat(filepath.Join(directory, programName))
	if info.Mode().Perm() != programMode {
		t.Errorf("mode %v", info.Mode())
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 1 {
		t.Errorf("%d files", len(entries))
	}
}

func TestAnInstallationThatFailsSaysWhy(t *testing.T) {
	if err := install("/no/such"); err == nil {
		t.Error("no error")
	}
}

func TestCodeInTheImageIsLeftAlone(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey")
	if err := os.WriteFile(a.root+"/app.txt", []byte("the image's"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := a.gateway.session()
	s.configure(imageCode)
	s.control(link.InitDone)
	if got, _ := s.do("id-1", "read "+a.root+"/app.txt", nil); string(got.body) != "the image's" {
		t.Errorf("got %s", got.body)
	}
	if info, _ := os.Stat(a.root); info.Mode().Perm()&0o200 == 0 {
		t.Errorf("the image's directory was closed: %v", info.Mode())
	}
}

func TestARuntimeStartsInTheWorkingDirectoryThatThePodNames(t *testing.T) {
	directory := t.TempDir()
	a := startAgent(t, newGateway(t, testKey), "obey", "KUBELAMBDA_WORKING_DIRECTORY="+directory)
	s := a.gateway.session()
	s.configure(imageCode)
	s.control(link.InitDone)
	got, _ := s.do("id-1", "env", nil)
	for _, wanted := range []string{"cwd=" + directory, "LAMBDA_TASK_ROOT=" + a.root} {
		if !strings.Contains(string(got.body)+"\n", wanted+"\n") {
			t.Errorf("%s is not in\n%s", wanted, got.body)
		}
	}
}

func TestAWorkingDirectoryThatCannotBeEnteredSaysWhy(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, row := range [][2]string{
		{"/no/such", "no such file or directory"}, {file, "not a directory"},
	} {
		a := startAgent(t, newGateway(t, testKey), "", "KUBELAMBDA_WORKING_DIRECTORY="+row[0])
		s := a.gateway.session()
		s.configure(imageCode)
		s.control(link.InitError)
		got, _ := s.do("id-1", "{}", nil)
		wanted := `{"errorType":"Runtime.InvalidWorkingDir","errorMessage":"RequestId: id-1 Error: ` +
			`chdir ` + row[0] + `: ` + row[1] + `"}`
		if string(got.body) != wanted {
			t.Errorf("got %s", got.body)
		}
	}
}

func TestAnImageFunctionHasNoRuntimeVersionInItsLog(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey")
	s := a.gateway.session()
	s.configure(map[string]any{
		"code": map[string]any{"image": true}, "runtimeVersion": "", "runtimeVersionArn": "",
	})
	s.control(link.InitDone)
	s.do("id-1", "echo x", nil)
	if log := a.waitForLog("REPORT"); strings.Contains(log, "INIT_START") {
		t.Errorf("the log is\n%s", log)
	}
}
