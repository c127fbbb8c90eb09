package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

const (
	prSetSeccomp      = 22
	prSetNoNewPrivs   = 38
	seccompModeFilter = 2
	seccompErrno      = 0x00050000
	seccompAllow      = 0x7fff0000
)

// runWithoutLandlock is this program again, on a kernel that answers Landlock's calls (444 to 446)
// with an errno: ENOSYS where it is too old, EPERM behind the filters of old container engines.
func runWithoutLandlock(errno string) {
	runtime.LockOSThread()
	number, _ := strconv.Atoi(errno)
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS},
		{Code: syscall.BPF_JMP | syscall.BPF_JGE | syscall.BPF_K, K: 444, Jf: 2},
		{Code: syscall.BPF_JMP | syscall.BPF_JGT | syscall.BPF_K, K: 446, Jt: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: seccompErrno | uint32(number)},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: seccompAllow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0)
	_, _, problem := syscall.RawSyscall(
		syscall.SYS_PRCTL, prSetSeccomp, seccompModeFilter, uintptr(unsafe.Pointer(&program)),
	)
	if problem == 0 {
		problem = syscall.Exec("/proc/self/exe", os.Args, slices.DeleteFunc(os.Environ(), func(one string) bool {
			return strings.HasPrefix(one, "TEST_LANDLOCK_ERRNO=")
		})).(syscall.Errno)
	}
	fmt.Fprintln(os.Stderr, "no filter:", problem)
	os.Exit(97)
}

func TestWithoutLandlockTheFunctionRunsAndTheLogSaysWhatIsOpen(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.EPERM} {
		c := prepareConfined(t, fmt.Sprintf("TEST_LANDLOCK_ERRNO=%d", errno))
		c.command.Stderr = c.agent
		c.begin(nil)
		var attempts map[string]int
		c.ask("change", c.root, &attempts)
		for name, errno := range attempts {
			if errno != 0 {
				t.Errorf("%s: errno %d", name, errno)
			}
		}
		const said = "the function can change its own code: the kernel offers no Landlock\n"
		wanted := 0
		if asInit() {
			wanted = 1
		}
		if count := strings.Count(c.log(), said); count != wanted {
			t.Errorf("%v: said %d times:\n%s", errno, count, c.log())
		}
	}
}
