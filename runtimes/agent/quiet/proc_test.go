//go:build linux && !portable

package quiet

import (
	"os"
	"slices"
	"strconv"
	"testing"
)

func TestProcIsReadAndListed(t *testing.T) {
	if wanted, _ := os.ReadFile("/proc/version"); string(ReadProc("/proc/version")) != string(wanted) {
		t.Errorf("got %q", ReadProc("/proc/version"))
	}
	if long := len(ReadProc("/proc/kallsyms")); long > 0 && long <= fileBytes {
		t.Errorf("of a long file %d bytes were read", long)
	}
	if !slices.Contains(ListProc("/proc"), strconv.Itoa(os.Getpid())) {
		t.Error("this process is not in /proc")
	}
	if ReadProc("/proc/none") != nil || ListProc("/proc/none") != nil {
		t.Error("something is read of what is not there")
	}
}
