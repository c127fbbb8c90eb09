//go:build !linux || portable

package supervise

import (
	"os"
	"syscall"
	"time"
)

const parentPause = 200 * time.Millisecond

// shieldSelf ties the agent to its parent, whose end only Linux tells it.
//
// LIMIT: elsewhere the function, which is the same user's, can look at the agent, and what it started
// stays where the agent is killed.
func shieldSelf(bool) error {
	limitSelf()
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(parentPause)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
	}()
	return nil
}
