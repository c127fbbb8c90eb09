package remote

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubelambda.io/agent/fetch"
)

func TestAnOrderIsAnsweredWithOneLine(t *testing.T) {
	site := serve(t, give)
	for order, want := range map[string]fetch.Result{
		fmt.Sprintf(`{"url":{"url":%q,"sha256":%q},"allowedHosts":["127.0.0.1"]}`, site.URL, nameOf(content)): {
			SHA256: nameOf(content), Bytes: int64(len(content)),
		},
		`{}`:        {Error: "the order to fetch names no source"},
		`{"url":{"`: {Error: "the order to fetch cannot be read"},
		`{"url":{"url":"https://a b/"}}`: {
			Error: "the URL of the code is none",
		},
	} {
		file, err := os.Create(filepath.Join(t.TempDir(), "package"))
		if err != nil {
			t.Fatal(err)
		}
		var output strings.Builder
		Serve(strings.NewReader(order), &output, file)
		_ = file.Close()
		var got fetch.Result
		if err := json.Unmarshal([]byte(output.String()), &got); err != nil || got != want {
			t.Errorf("%s: got %s, %v", order, output.String(), err)
		}
		if strings.Count(output.String(), "\n") != 1 {
			t.Errorf("got %q", output.String())
		}
	}
}
