package main

import (
	"os"
	"os/exec"
)

// wrapAgent gives the command of the agent: as PID 1 of a namespace of its own where
// TEST_AS_INIT is set (needs root), as one process among others otherwise.
func wrapAgent(program string) *exec.Cmd {
	if os.Getenv("TEST_AS_INIT") == "" {
		return exec.Command(program)
	}
	return exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=HUP", program)
}
