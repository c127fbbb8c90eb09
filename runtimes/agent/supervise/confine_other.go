//go:build !linux || portable

package supervise

import "errors"

// Confine is Linux's alone: nothing has changed.
func (s *Supervisor) Confine([]string) error { return errors.New("only Linux has Landlock") }
