package code

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLaterLayersOverwriteEarlierOnes(t *testing.T) {
	place := at(t.TempDir())
	layers := [][]byte{
		pack(t, entry{name: "bin/tool", text: "#!/bin/sh\n", mode: 0o755}, entry{name: "both", text: "one"}),
		pack(t, entry{name: "both", text: "two"}, entry{name: "bin/other", text: "x"}),
	}
	for _, layer := range layers {
		if err := Unzip(place, layer, time.Now); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, place.Directory, "both"); got != "two" {
		t.Errorf("got %q", got)
	}
	info, err := os.Stat(filepath.Join(place.Directory, "bin/tool"))
	if err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("the program of the first layer: %v %v", info, err)
	}
}

func TestLayersAndCodeShareOneLimit(t *testing.T) {
	opt := at(t.TempDir())
	task := Place{Directory: t.TempDir(), Total: opt.Total}
	opt.Total.bytes = UnzippedBytesMax - 5
	if err := Unzip(opt, pack(t, entry{name: "a", text: "123"}), time.Now); err != nil {
		t.Fatal(err)
	}
	if err := WriteInline(task, map[string]string{"b": "45"}); err != nil {
		t.Fatal(err)
	}
	err := WriteInline(task, map[string]string{"c": "6"})
	if !errors.Is(err, ErrTooLarge) ||
		err.Error() != "Unzipped size must be smaller than 262144000 bytes" {
		t.Errorf("got %v", err)
	}
}

func TestAFileInThePlaceOfADirectoryIsRefusedByName(t *testing.T) {
	place := at(t.TempDir())
	if err := Unzip(place, pack(t, entry{name: "lib/a", text: "x"}), time.Now); err != nil {
		t.Fatal(err)
	}
	var refused *Error
	err := Unzip(place, pack(t, entry{name: "lib", text: "x"}), time.Now)
	if !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}
