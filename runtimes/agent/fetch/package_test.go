package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func nameOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// serve answers each request with the next of the handlers, the last one for ever.
func serve(t *testing.T, handlers ...http.HandlerFunc) Gateway {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := min(int(count.Add(1)), len(handlers))
		handlers[number-1](w, r)
	}))
	t.Cleanup(server.Close)
	return Gateway{
		Address: strings.TrimPrefix(server.URL, "http://"), UID: "uid-1", KeyGeneration: 2,
		Key: []byte("0123456789abcdef0123456789abcdef"),
	}
}

func give(content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write([]byte(content))
	}
}

func refuse(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func fetchInto(t *testing.T, gateway Gateway, name string) (string, error) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "package"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err = gateway.Package(ctx, name, file)
	content, _ := os.ReadFile(file.Name())
	return string(content), err
}

func TestAPackageComesWholeAndIsAskedForWithTheFunctionsProof(t *testing.T) {
	content := strings.Repeat("code", 100_000)
	var asked *http.Request
	gateway := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		give(content)(w, r)
	})
	got, err := fetchInto(t, gateway, nameOf(content))
	if err != nil || got != content {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if asked.URL.Path != "/internal/v1/packages/"+nameOf(content) {
		t.Errorf("asked for %s", asked.URL.Path)
	}
	fields := strings.Split(asked.Header.Get("X-Kubelambda-Package"), ":")
	if len(fields) != 4 || fields[0] != "uid-1" || fields[1] != "2" || len(fields[3]) != 64 {
		t.Errorf("authorised by %q", fields)
	}
}

// The same vector is in tests/unit/core/packages/test_packages.py.
func TestTheProofIsThatOfTheGateway(t *testing.T) {
	gateway := Gateway{UID: "uid-1", KeyGeneration: 2, Key: []byte(strings.Repeat("k", 32))}
	const want = "uid-1:2:1700000000:" +
		"45e2508e7d38e422f131283814fc69b458024ea8bb29d67063b863afeaccc882"
	if got := gateway.authorize(strings.Repeat("a", 64), 1_700_000_000); got != want {
		t.Errorf("got %s", got)
	}
}

func TestAGatewayThatIsBusyOrCutsOffIsAskedAgain(t *testing.T) {
	cutOff := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "4")
		_, _ = w.Write([]byte("co"))
	}
	gateway := serve(t, refuse(503), cutOff, give("liar"), give("code"))
	got, err := fetchInto(t, gateway, nameOf("code"))
	if err != nil || got != "code" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestAPackageThatIsNotThereIsFinal(t *testing.T) {
	_, err := fetchInto(t, serve(t, refuse(404)), nameOf("code"))
	var lasting *Error
	if !errors.As(err, &lasting) || !strings.Contains(err.Error(), "has been uploaded") {
		t.Fatal(err)
	}
}

func TestAPackageOverTheLimitIsRefusedBeforeItComes(t *testing.T) {
	gateway := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "52428801")
		w.WriteHeader(200)
	})
	_, err := fetchInto(t, gateway, nameOf("code"))
	var lasting *Error
	if !errors.As(err, &lasting) || !strings.Contains(err.Error(), "52428800") {
		t.Fatal(err)
	}
}

func TestAGatewayThatIsAwayIsAskedUntilTheTimeIsOver(t *testing.T) {
	gateway := serve(t, refuse(503))
	_, err := fetchInto(t, gateway, nameOf("code"))
	var lasting *Error
	if err == nil || errors.As(err, &lasting) {
		t.Fatal(err)
	}
}
