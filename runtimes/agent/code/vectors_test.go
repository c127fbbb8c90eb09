package code

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// vector is one zip of tests/vectors/packages.json, which kubelambda.core.packages.zip_check checks too.
type vector struct {
	Rule    string
	Refused string
	Entries []struct{ Name, Mode, Text string }
}

func TestTheSharedVectorsAreJudgedAsUploadsAre(t *testing.T) {
	text, err := os.ReadFile("../../../tests/vectors/packages.json")
	if err != nil {
		t.Skipf("no shared vectors: %v", err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"LONG": strings.Repeat("x", 2000), "DEEP": strings.Repeat("a/", 100) + "x"}
	for _, one := range vectors {
		var entries []entry
		for _, given := range one.Entries {
			name := given.Name
			if other, found := names[name]; found {
				name = other
			}
			entries = append(entries, entry{name: name, text: given.Text, change: unixMode(t, given.Mode)})
		}
		_, err := unzip(t, pack(t, entries...))
		var refused *Error
		switch {
		case one.Refused == "" && err != nil:
			t.Errorf("%s: %v", one.Rule, err)
		case one.Refused != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), one.Refused)):
			t.Errorf("%s: %v, not %q", one.Rule, err, one.Refused)
		}
	}
}

func unixMode(t *testing.T, octal string) func(*zip.FileHeader) {
	mode := uint64(0o100644)
	if octal != "" {
		var err error
		if mode, err = strconv.ParseUint(octal, 8, 32); err != nil {
			t.Fatal(err)
		}
	}
	return func(h *zip.FileHeader) { h.CreatorVersion, h.ExternalAttrs = 3<<8, uint32(mode)<<16 }
}

func TestLinksLeadToWhatIsInThePackage(t *testing.T) {
	directory, err := unzip(t, pack(t,
		entry{name: "bin/run", text: "../lib/run.js", mode: fs.ModeSymlink | 0o777},
		entry{name: "current", text: "lib", mode: fs.ModeSymlink | 0o777},
		entry{name: "lib/run.js", text: "code"},
		entry{name: "twice", text: "lib", mode: fs.ModeSymlink | 0o777},
		entry{name: "twice", text: "a file after all"},
	))
	if err != nil {
		t.Fatal(err)
	}
	if read(t, directory, "bin/run")+read(t, directory, "current/run.js") != "codecode" {
		t.Error("the links lead elsewhere")
	}
	if info, err := os.Lstat(filepath.Join(directory, "twice")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the last entry of a name does not count: %v", info)
	}
}

func TestALayerOverALinkOfAnotherStaysInside(t *testing.T) {
	place := at(t.TempDir())
	first := pack(t, entry{name: "lib/a", text: "1"}, entry{name: "l", text: "lib", mode: fs.ModeSymlink | 0o777})
	if err := Unzip(place, first, time.Now); err != nil {
		t.Fatal(err)
	}
	if err := Unzip(place, pack(t, entry{name: "l/b", text: "2"}), time.Now); err != nil {
		t.Fatal(err)
	}
	if read(t, place.Directory, "lib/b") != "2" {
		t.Error("it went elsewhere")
	}
	second := pack(t, entry{name: "l/up", text: "../..", mode: fs.ModeSymlink | 0o777})
	if err := Unzip(place, second, time.Now); err == nil {
		t.Error("a link below a link was made")
	}
}

func TestNamesOfOldPackersAreReadInTheirCodePage(t *testing.T) {
	directory, err := unzip(t, pack(t, entry{
		name: "gr\x81\xe1e.txt", text: "text", change: func(h *zip.FileHeader) { h.NonUTF8 = true },
	}))
	if err != nil || read(t, directory, "grüße.txt") != "text" {
		t.Errorf("got %v", err)
	}
}
