package values

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// volume is a directory as the kubelet mounts it: files are links into ..data, which is replaced.
type volume struct {
	t    *testing.T
	path string
}

func (v volume) put(version string, files map[string]string) {
	v.t.Helper()
	data := filepath.Join(v.path, "..version-"+version)
	if err := os.Mkdir(data, 0o755); err != nil {
		v.t.Fatal(err)
	}
	link := filepath.Join(v.path, "..data")
	_ = os.Symlink(filepath.Base(data), link+"-next")
	_ = os.Rename(link+"-next", link)
	entries, _ := os.ReadDir(v.path)
	for _, entry := range entries {
		if _, stays := files[entry.Name()]; !stays && !strings.HasPrefix(entry.Name(), "..") {
			_ = os.Remove(filepath.Join(v.path, entry.Name()))
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o644); err != nil {
			v.t.Fatal(err)
		}
		_ = os.Symlink(filepath.Join("..data", name), filepath.Join(v.path, name))
	}
}

func TestWhatCountsAsAChange(t *testing.T) {
	type files = map[string]string
	for name, row := range map[string]struct {
		values   files
		optional []string
		mounted  []files // the mount at each look
		wanted   string  // names that the last look gives; those before give none
	}{
		"nothing":                       {files{"A": "1"}, nil, []files{{"A": "1"}, {"A": "1"}}, ""},
		"another text":                  {files{"A": "1"}, nil, []files{{"A": "1"}, {"A": "2"}}, "A"},
		"two of three":                  {files{"A": "1", "B": "1", "C": "1"}, nil, []files{{"A": "1", "B": "1", "C": "1"}, {"A": "2", "B": "1", "C": ""}}, "A C"},
		"an older mount, which follows": {files{"A": "2"}, nil, []files{{"A": "1"}, {"A": "1"}, {"A": "2"}, {"A": "2"}}, ""},
		"the older text comes back":     {files{"A": "2"}, nil, []files{{"A": "1"}, {"A": "2"}, {"A": "1"}}, "A"},
		"the mount is passed by":        {files{"A": "2"}, nil, []files{{"A": "1"}, {"A": "3"}}, "A"},
		"a required one goes":           {files{"A": "1"}, nil, []files{{"A": "1"}, {}, {}}, ""},
		"and comes back as it was":      {files{"A": "1"}, nil, []files{{"A": "1"}, {}, {"A": "1"}}, ""},
		"and comes back as another":     {files{"A": "1"}, nil, []files{{"A": "1"}, {}, {"A": "2"}}, "A"},
		"an optional one comes":         {files{}, []string{"A"}, []files{{}, {"A": "1"}}, "A"},
		"an optional one goes":          {files{"A": "1"}, []string{"A"}, []files{{"A": "1"}, {}}, "A"},
		"an optional one stays away":    {files{}, []string{"A"}, []files{{}, {}}, ""},
		"a file without a variable":     {files{}, []string{"A"}, []files{{"A": "binary"}, {"A": "binary"}}, ""},
	} {
		v := volume{t, t.TempDir()}
		watch := Watch{Directory: v.path, Values: row.values, Optional: row.optional}
		for number, mounted := range row.mounted {
			v.put(string(rune('a'+number)), mounted)
			wanted := ""
			if number == len(row.mounted)-1 {
				wanted = row.wanted
			}
			if got := strings.Join(watch.look(), " "); got != wanted {
				t.Errorf("%s: look %d gives %q", name, number, got)
			}
		}
	}
}

func TestWithoutADirectoryNothingIsWaitedFor(t *testing.T) {
	watch := Watch{Directory: filepath.Join(t.TempDir(), "absent"), Values: map[string]string{"A": "1"}}
	if got := watch.Wait(context.Background(), time.Hour); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestTheWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	watch := Watch{Directory: t.TempDir(), Values: map[string]string{"A": "1"}}
	if got := watch.Wait(ctx, time.Millisecond); got != nil {
		t.Errorf("got %v", got)
	}
}
