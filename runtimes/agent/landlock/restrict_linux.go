package landlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

// The same numbers on every architecture.
const (
	sysCreateRuleset = 444
	sysAddRule       = 445
	sysRestrictSelf  = 446
)

const (
	createRulesetVersion = 1
	rulePathBeneath      = 1
	prSetNoNewPrivs      = 38
)

// ErrNone means that the kernel has no Landlock, or a sandbox around us does not let us at it.
var ErrNone = errors.New("the kernel offers no Landlock")

// rulesetAttr is the part of struct landlock_ruleset_attr that every version has.
type rulesetAttr struct{ handledAccessFS uint64 }

// pathBeneathAttr is struct landlock_path_beneath_attr; the kernel's is packed, and reads 12 bytes.
type pathBeneathAttr struct {
	allowedAccess uint64
	parent        int32
}

// ABI is the version of the interface that the kernel speaks; 0 where it has none.
func ABI() int {
	version, _, errno := syscall.Syscall(sysCreateRuleset, 0, 0, createRulesetVersion)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// RestrictThread puts the calling thread into a new domain, in which only what lies beneath the
// directories of writable can be changed; those that do not exist are passed over. It cannot be
// undone: the caller has locked its goroutine to the thread and never unlocks it. With an error the
// thread's files are as they were.
func RestrictThread(writable []string) error {
	abi := ABI()
	if abi == 0 {
		return ErrNone
	}
	rights := handled(abi)
	if rights == 0 {
		return fmt.Errorf("version %d of the kernel's Landlock refuses renames in /tmp too", abi)
	}
	ruleset, err := createRuleset(rights, writable)
	if err != nil {
		return err
	}
	defer syscall.Close(ruleset)
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return os.NewSyscallError("PR_SET_NO_NEW_PRIVS", errno)
	}
	if _, _, errno := syscall.RawSyscall(sysRestrictSelf, uintptr(ruleset), 0, 0); errno != 0 {
		return os.NewSyscallError("landlock_restrict_self", errno)
	}
	return nil
}

// createRuleset gives the descriptor of a ruleset, which the caller closes.
func createRuleset(rights uint64, writable []string) (int, error) {
	attr := rulesetAttr{rights}
	ruleset, _, errno := syscall.Syscall(
		sysCreateRuleset, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0,
	)
	if errno != 0 {
		return 0, os.NewSyscallError("landlock_create_ruleset", errno)
	}
	for _, directory := range writable {
		if err := allowBeneath(int(ruleset), rights, directory); err != nil {
			return 0, errors.Join(err, syscall.Close(int(ruleset)))
		}
	}
	return int(ruleset), nil
}

func allowBeneath(ruleset int, rights uint64, directory string) error {
	parent, err := os.Open(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer parent.Close()
	attr := pathBeneathAttr{allowedAccess: rights, parent: int32(parent.Fd())}
	_, _, errno := syscall.Syscall6(
		sysAddRule, uintptr(ruleset), rulePathBeneath, uintptr(unsafe.Pointer(&attr)), 0, 0, 0,
	)
	if errno != 0 {
		return os.NewSyscallError("landlock_add_rule", errno)
	}
	return nil
}
