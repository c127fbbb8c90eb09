//go:build !portable

package supervise

import (
	"errors"
	"fmt"
	"syscall"
)

const (
	prCapAmbient         = 47
	prCapAmbientClearAll = 4

	stRelatime = 0x1000
	// keptFlags are those that a user namespace may not take from a mount, by the same number in
	// statfs and in mount.
	keptFlags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME |
		syscall.MS_NODIRATIME
)

// MountAll mounts in this order, in the mount namespace that local mode has started this agent in, and
// takes the right to mount from the processes that will be started. An environment that lacks one of
// its mounts would write into the machine's own directories, so it must not begin.
func MountAll(mounts []Mount) error {
	if len(mounts) == 0 {
		return nil
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts cannot be made private: %w", err)
	}
	for _, one := range mounts {
		if err := one.bind(); err != nil {
			return fmt.Errorf("%s cannot be mounted at %s: %w", one.Source, one.Place, err)
		}
	}
	_, _, errno := syscall.AllThreadsSyscall6(
		syscall.SYS_PRCTL, prCapAmbient, prCapAmbientClearAll, 0, 0, 0, 0,
	)
	if errno != 0 && !errors.Is(errno, syscall.EINVAL) {
		return fmt.Errorf("PR_CAP_AMBIENT: %w", errno)
	}
	return nil
}

func (m Mount) bind() error {
	if err := syscall.Mount(m.Source, m.Place, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if !m.ReadOnly {
		return nil
	}
	var now syscall.Statfs_t
	if err := syscall.Statfs(m.Place, &now); err != nil {
		return err
	}
	flags := uintptr(now.Flags) & keptFlags
	if now.Flags&stRelatime != 0 {
		flags |= syscall.MS_RELATIME
	}
	return syscall.Mount("", m.Place, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|flags, "")
}
