//go:build !linux || portable

package supervise

import (
	"maps"
	"slices"
	"syscall"
)

// ownAttributes makes each process the first of a group, which is how its tree is found again.
//
// LIMIT: only Linux finds what has left its group; it runs on when its environment ends.
func ownAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (s *Supervisor) noteStarted(pid int) { s.groups[pid] = true }

// signalTree signals a process and what is still in its group.
func signalTree(pid int, number syscall.Signal) { _ = syscall.Kill(-pid, number) }

// signalAll signals every group that has anybody in it.
func (s *Supervisor) signalAll(number syscall.Signal) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, group := range slices.Collect(maps.Keys(s.groups)) {
		if err := syscall.Kill(-group, number); err == syscall.ESRCH {
			delete(s.groups, group)
		}
	}
}

// AnonymousBytes is not known here. LIMIT: reports say 0 MB of memory but on Linux.
func (s *Supervisor) AnonymousBytes() int64 { return 0 }
