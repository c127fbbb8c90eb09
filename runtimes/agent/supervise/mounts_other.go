//go:build !linux || portable

package supervise

import "errors"

// MountAll is Linux's alone; local mode asks for no mounts elsewhere.
func MountAll(mounts []Mount) error {
	if len(mounts) == 0 {
		return nil
	}
	return errors.New("only Linux has mount namespaces")
}
