package landlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

func TestWhatIsTakenAwayByVersionOfTheKernelsInterface(t *testing.T) {
	for _, row := range []struct {
		abi    int
		rights uint64
		why    string
	}{
		{0, 0, "no Landlock"},
		{1, 0, "renames within /tmp would be refused"},
		{2, 0x3ff2, "no right of its own for truncate yet"},
		{3, 0x7ff2, "everything that changes files"},
		{7, 0x7ff2, "what came later is not of files' contents and names"},
	} {
		if got := handled(row.abi); got != row.rights {
			t.Errorf("version %d (%s): %#x", row.abi, row.why, got)
		}
	}
}

// restricted runs attempt on a thread that may write beneath open only; the thread ends with it.
func restricted(t *testing.T, open string, attempt func()) {
	t.Helper()
	if handled(ABI()) == 0 {
		t.Skipf("NOT RUN: this kernel's Landlock is of version %d", ABI())
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := RestrictThread([]string{open, "/dev", "/no/such/directory"})
		if err == nil {
			attempt()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// changes gives one attempt of each kind in a directory that was filled.
func changes(directory, from string) map[string]func() error {
	file := filepath.Join(directory, "file")
	return map[string]func() error{
		"write":    func() error { return os.WriteFile(file, []byte("x"), 0o600) },
		"append":   func() error { return openAndClose(file, os.O_APPEND|os.O_WRONLY) },
		"create":   func() error { return os.WriteFile(directory+"/new", nil, 0o600) },
		"chmod":    func() error { return errors.Join(os.Chmod(file, 0o777), os.WriteFile(file, nil, 0)) },
		"truncate": func() error { return os.Truncate(file, 0) },
		"unlink":   func() error { return os.Remove(directory + "/spare") },
		"mkdir":    func() error { return os.Mkdir(directory+"/directory", 0o700) },
		"rmdir":    func() error { return os.Remove(directory + "/empty") },
		"symlink":  func() error { return os.Symlink("file", directory+"/symlink") },
		"link":     func() error { return os.Link(directory+"/full/file", directory+"/link") },
		"fifo":     func() error { return syscall.Mkfifo(directory+"/fifo", 0o600) },
		"rename":   func() error { return os.Rename(directory+"/full/other", directory+"/renamed") },
		"into":     func() error { return os.Rename(from, directory+"/into") },
	}
}

func openAndClose(path string, flags int) error {
	file, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

func filled(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	for _, name := range []string{"full", "empty"} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file", "spare", "full/file", "full/other", "out"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func isRefused(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EXDEV)
}

func TestOnlyTheNamedDirectoriesCanBeChanged(t *testing.T) {
	open, closed := filled(t), filled(t)
	restricted(t, open, func() {
		for name, change := range changes(closed, open+"/out") {
			if err := change(); !isRefused(err) && (name != "truncate" || ABI() >= truncateABI) {
				t.Errorf("%s of what is closed: %v", name, err)
			}
		}
		if text, err := os.ReadFile(closed + "/file"); err != nil || string(text) != "kept" {
			t.Errorf("read %q, %v", text, err)
		}
		for name, change := range changes(open, open+"/out") {
			if err := change(); err != nil {
				t.Errorf("%s of what is open: %v", name, err)
			}
		}
	})
}

func TestWhatIsClosedCannotBeBroughtToWhereItCouldBeChanged(t *testing.T) {
	open, closed := filled(t), filled(t)
	restricted(t, open, func() {
		for name, err := range map[string]error{
			"a link":   os.Link(closed+"/file", open+"/linked"),
			"a rename": os.Rename(closed+"/file", open+"/renamed"),
			"a mount":  syscall.Mount(closed, open, "", syscall.MS_BIND, ""),
		} {
			if !isRefused(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := os.Symlink(closed+"/file", open+"/symlink"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(open+"/symlink", nil, 0); !isRefused(err) {
			t.Errorf("through a symbolic link: %v", err)
		}
	})
}

func TestAnOpenDescriptorIsOpenStillButNotToBeOpenedAnew(t *testing.T) {
	closed := filled(t)
	file, err := os.OpenFile(closed+"/file", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	restricted(t, t.TempDir(), func() {
		if _, err := file.WriteString("x"); err != nil {
			t.Error(err)
		}
		if err := openAndClose(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), os.O_RDWR); !isRefused(err) {
			t.Errorf("opened anew: %v", err)
		}
	})
}

func TestProcessesInheritTheRestrictionAndOtherThreadsDoNot(t *testing.T) {
	closed := filled(t)
	restricted(t, t.TempDir(), func() {
		if err := exec.Command("/bin/sh", "-c", "echo x 2>/dev/null >"+closed+"/file").Run(); err == nil {
			t.Error("a child has written")
		}
		outside := make(chan error)
		go func() { outside <- os.WriteFile(closed+"/file", nil, 0o600) }()
		if err := <-outside; err != nil {
			t.Errorf("another thread: %v", err)
		}
	})
}

func TestADirectoryThatCannotBeNamedIsAnErrorAndRestrictsNothing(t *testing.T) {
	if handled(ABI()) == 0 {
		t.Skipf("NOT RUN: this kernel's Landlock is of version %d", ABI())
	}
	file := filled(t) + "/file"
	var refusal, written error
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		refusal = RestrictThread([]string{"/dev", file + "/beneath"})
		written = os.WriteFile(file, nil, 0o600)
	}()
	<-done
	if !errors.Is(refusal, syscall.ENOTDIR) || written != nil {
		t.Errorf("%v, and then %v", refusal, written)
	}
}

// mqAttr is struct mq_attr.
type mqAttr struct {
	flags, maxMessages, messageBytes, currentMessages int
	_                                                 [4]int
}

// openQueue makes a POSIX message queue on a thread in an IPC namespace of its own, mounted at a
// directory as in a container, and restricted to /dev and, where isNamed, that directory.
func openQueue(t *testing.T, isNamed bool) (refusal error) {
	t.Helper()
	directory := t.TempDir()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		writable := []string{"/dev"}
		if isNamed {
			writable = append(writable, directory)
		}
		err := errors.Join(
			syscall.Unshare(syscall.CLONE_NEWNS|syscall.CLONE_NEWIPC),
			syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("mqueue", directory, "mqueue", 0, ""),
		)
		if err == nil {
			err = RestrictThread(writable)
		}
		name, _ := syscall.BytePtrFromString("queue")
		// Small, and closed again: the kernel bounds what all queues of a user hold (RLIMIT_MSGQUEUE).
		size := mqAttr{maxMessages: 1, messageBytes: 64}
		queue, _, errno := syscall.Syscall6(syscall.SYS_MQ_OPEN, uintptr(unsafe.Pointer(name)),
			syscall.O_CREAT|syscall.O_RDWR, 0o600, uintptr(unsafe.Pointer(&size)), 0, 0)
		if errno != 0 {
			refusal = errno
		} else {
			err = errors.Join(err, syscall.Close(int(queue)))
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return refusal
}

func TestMessageQueuesAreOpenWhereTheirMountIsNamedAndOnlyThen(t *testing.T) {
	if os.Getuid() != 0 || handled(ABI()) == 0 {
		t.Skip("NOT RUN: wants root, for a mount of its own, and Landlock")
	}
	if err := openQueue(t, true); err != nil {
		t.Errorf("named: %v", err)
	}
	if err := openQueue(t, false); !isRefused(err) {
		t.Errorf("not named: %v", err)
	}
}
