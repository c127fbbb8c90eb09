package supervise

import (
	"strconv"
	"syscall"
)

// Status is how a process ended.
type Status syscall.WaitStatus

// Reason is the way runtimes' ends are told to callers; empty for exit code 0.
func (s Status) Reason() string {
	status := syscall.WaitStatus(s)
	switch {
	case status.Signaled():
		return "signal: " + status.Signal().String()
	case status.ExitStatus() != 0:
		return "exit status " + strconv.Itoa(status.ExitStatus())
	}
	return ""
}
