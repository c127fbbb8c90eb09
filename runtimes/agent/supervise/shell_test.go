package supervise

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestScriptsOfShRunInBashUnderTheNameOfSh(t *testing.T) {
	if !isExecutable(bash) || isBash(shell) {
		t.Skip("this machine has no bash, or its sh is bash")
	}
	directory := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	script := write("script", "#!/bin/sh\nset -o pipefail\n", 0o755)
	other := write("other", "#!/usr/bin/env python3\n", 0o755)
	ofWindows := write("windows", "#!/bin/sh\r\necho\r\n", 0o755)
	closed := write("closed", "#!/bin/sh\n", 0o644)
	for _, row := range []struct {
		path   string
		args   []string
		wanted string
		given  []string
	}{
		{script, []string{script, "a"}, bash, []string{shell, script, "a"}},
		{shell, []string{shell, script}, bash, []string{shell, script}},
		{other, []string{other}, other, []string{other}},
		{ofWindows, []string{ofWindows}, ofWindows, []string{ofWindows}},
		{closed, []string{closed}, closed, []string{closed}},
		{"/absent", []string{"/absent"}, "/absent", []string{"/absent"}},
	} {
		if path, args := runsAsSh(row.path, row.args); path != row.wanted || !slices.Equal(args, row.given) {
			t.Errorf("%v: %s %v", row.args, path, args)
		}
	}
}

func TestLimitsAreOnlyLowered(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	lower(syscall.RLIMIT_NOFILE, before.Max+1)
	var after syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &after); err != nil || after.Max != before.Max {
		t.Errorf("%v became %v", before, after)
	}
}
