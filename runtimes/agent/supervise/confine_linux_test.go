//go:build !portable

package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"kubelambda.io/agent/landlock"
)

// onMainThread takes what is to be run on the main thread, which is the main goroutine's here.
var onMainThread = make(chan func())

func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	go func() { os.Exit(m.Run()) }()
	for act := range onMainThread {
		act()
	}
}

// restrictedThreads counts the threads with no_new_privs, which comes with the restriction, and says
// whether the main one is among them.
func restrictedThreads(t *testing.T) (count int, isMain bool) {
	t.Helper()
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text, _ := os.ReadFile(thread + "/status")
		if strings.Contains(string(text), "NoNewPrivs:\t1") {
			count++
			isMain = isMain || filepath.Base(thread) == fmt.Sprint(os.Getpid())
		}
	}
	return count, isMain
}

// write starts a process with the launcher that writes to file; the error is how it ended.
func write(t *testing.T, l launcher, file string) error {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	pid, err := l.fork("/bin/sh", []string{"sh", "-c", "echo child >" + file}, &syscall.ProcAttr{
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
	})
	if err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		t.Fatal(err)
	}
	if status.ExitStatus() != 0 {
		return errors.New(Status(status).Reason())
	}
	return nil
}

func TestOnlyALaunchersThreadAndItsChildrenAreConfinedAndNeverTheMainThread(t *testing.T) {
	if landlock.ABI() < 2 {
		t.Skipf("NOT RUN: this kernel's Landlock is of version %d", landlock.ABI())
	}
	if count, _ := restrictedThreads(t); count > 0 {
		t.Skip("NOT RUN: this process may not gain privileges, so its threads look alike")
	}
	open, closed := t.TempDir(), t.TempDir()
	l := launcher{orders: make(chan order), confined: make(chan error)}
	onMainThread <- func() { l.run([]string{open, "/dev"}) }
	if err := <-l.confined; err != nil {
		t.Fatal(err)
	}
	var starts sync.WaitGroup
	for number := range 32 { // many at once, so that Go makes threads meanwhile
		starts.Add(1)
		go func() {
			defer starts.Done()
			if err := write(t, l, fmt.Sprintf("%s/%d", open, number)); err != nil {
				t.Errorf("into what is open: %v", err)
			}
			if write(t, l, closed+"/child") == nil {
				t.Error("a child wrote into what is closed")
			}
			if err := os.WriteFile(fmt.Sprintf("%s/%d", closed, number), nil, 0o600); err != nil {
				t.Errorf("the agent itself: %v", err)
			}
		}()
	}
	starts.Wait()
	if count, isMain := restrictedThreads(t); count != 1 || isMain {
		t.Errorf("%d threads are restricted; the main one: %v", count, isMain)
	}
}

func TestALauncherThatCannotConfineSaysWhyAndStartsNothing(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Supervisor{}
	if err := s.Confine([]string{file + "/beneath"}); err == nil || s.fork != nil {
		t.Errorf("got %v", err)
	}
}
