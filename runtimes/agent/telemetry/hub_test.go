package telemetry

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kubelambda.io/agent/logs"
)

// listener is an extension's HTTP server.
type listener struct {
	*httptest.Server
	mutex    sync.Mutex
	requests int // that have come, answered or not
	methods  []string
	batches  [][]map[string]any
	status   int
	block    chan struct{}
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{status: 200}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *listener) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	var batch []map[string]any
	_ = json.Unmarshal(body, &batch)
	l.mutex.Lock()
	block := l.block
	l.requests++
	l.mutex.Unlock()
	if block != nil {
		<-block
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.methods = append(l.methods, request.Method+" "+request.URL.Path+" "+request.Host)
	l.batches = append(l.batches, batch)
	writer.WriteHeader(l.status)
}

// set changes how the listener answers: with which status, and when.
func (l *listener) set(status int, block chan struct{}) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.status, l.block = status, block
}

func (l *listener) events() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var seen []string
	for _, batch := range l.batches {
		for _, event := range batch {
			record, _ := json.Marshal(event["record"])
			seen = append(seen, fmt.Sprint(event["type"], " ", string(record)))
		}
	}
	return seen
}

func (l *listener) waitForRequests(t *testing.T, count int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		l.mutex.Lock()
		seen := l.requests
		l.mutex.Unlock()
		if seen >= count {
			return
		}
	}
	t.Fatalf("fewer than %d requests have come", count)
}

func (l *listener) waitFor(t *testing.T, text string) []string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if seen := l.events(); strings.Contains(strings.Join(seen, "\n"), text) {
			return seen
		}
	}
	t.Fatalf("%q did not come:\n%s", text, strings.Join(l.events(), "\n"))
	return nil
}

// subscription is one to address with a short time of buffering.
func subscription(t *testing.T, api API, schema, destination string, types ...string) Subscription {
	t.Helper()
	body, _ := json.Marshal(map[string]any{
		"schemaVersion": schema, "types": types, "destination": json.RawMessage(destination),
		"buffering": map[string]int{"timeoutMs": 25, "maxItems": 1000, "maxBytes": 262144},
	})
	got, err := Parse(api, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func toServer(l *listener, more string) string {
	address := strings.Replace(l.URL, "127.0.0.1", "sandbox.localdomain", 1)
	return `{"protocol":"HTTP","URI":"` + address + `/path"` + more + `}`
}

func open(t *testing.T, isJSON bool) *Hub {
	t.Helper()
	hub := &Hub{}
	hub.Begin(isJSON)
	t.Cleanup(hub.Clear)
	return hub
}

func subscribe(t *testing.T, hub *Hub, name string, wanted Subscription) {
	t.Helper()
	if fresh, err := hub.Subscribe(name, wanted); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
}

func TestBatchesAreJSONArraysByPOSTOrPUT(t *testing.T) {
	for _, row := range [][2]string{{"", "POST /path sandbox.localdomain:"}, {`,"method":"PUT"`, "PUT /path sandbox.localdomain:"}} {
		l, hub := listen(t), open(t, false)
		subscribe(t, hub, "e", subscription(t, TelemetryAPI, "2022-12-13", toServer(l, row[0]), "function"))
		hub.Output(Function).Take([]byte("one\ntwo\nhalf"))
		seen := l.waitFor(t, "two")
		if strings.Join(seen, ",") != `function "one",function "two"` || !strings.HasPrefix(l.methods[0], row[1]) {
			t.Errorf("got %s, %s", seen, l.methods)
		}
	}
}

func TestTCPDestinationsAreSentLines(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	hub := open(t, false)
	port := server.Addr().(*net.TCPAddr).Port
	subscribe(t, hub, "e", subscription(t, TelemetryAPI, "2022-12-13", fmt.Sprintf(`{"protocol":"TCP","port":%d}`, port), "extension"))
	output := hub.Output(Extension)
	output.Take([]byte("one\n"))
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for _, wanted := range []string{"one", "two"} {
		line, _ := reader.ReadString('\n')
		if !strings.HasSuffix(line, `,"type":"extension","record":"`+wanted+`"}`+"\n") {
			t.Errorf("got %q", line)
		}
		output.Take([]byte("two\n"))
	}
}

func TestSubscribersGetTheirTypesOnly(t *testing.T) {
	l, hub := listen(t), open(t, false)
	subscribe(t, hub, "e", subscription(t, TelemetryAPI, "2022-12-13", toServer(l, ""), "platform"))
	hub.Output(Function).Take([]byte("function\n"))
	hub.Output(Extension).Take([]byte("extension\n"))
	hub.Tell(start, logs.StartRecord("id", "1", ""))
	if seen := l.waitFor(t, "platform.start"); len(seen) != 1 {
		t.Errorf("got %s", seen)
	}
}

func TestWhatCameBeforeTheSubscriptionIsSentAsWell(t *testing.T) {
	l, hub := listen(t), open(t, false)
	hub.Tell(start, logs.InitStart{Phase: "init"}.Record())
	subscribe(t, hub, "e", subscription(t, TelemetryAPI, "2022-12-13", toServer(l, ""), "platform"))
	l.waitFor(t, "platform.initStart")
}

func TestSubscriptionIsClosedAfterInit(t *testing.T) {
	l, hub := listen(t), open(t, false)
	hub.Close()
	if _, err := hub.Subscribe("e", subscription(t, TelemetryAPI, "2022-12-13", toServer(l, ""), "platform")); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if hub.Wanted() {
		t.Error("events are made for nobody")
	}
}

func TestSubscribingTwiceIsOneSubscriptionAndOneAPI(t *testing.T) {
	l, hub := listen(t), open(t, false)
	same := subscription(t, TelemetryAPI, "2022-12-13", toServer(l, ""), "platform")
	subscribe(t, hub, "e", same)
	if fresh, err := hub.Subscribe("e", same); fresh || err != nil {
		t.Errorf("got %v %v", fresh, err)
	}
	if _, err := hub.Subscribe("e", subscription(t, LogsAPI, "2020-08-15", toServer(l, ""), "platform")); !errors.Is(err, ErrOtherAPI) {
		t.Errorf("got %v", err)
	}
	hub.Tell(start, logs.StartRecord("id", "1", ""))
	time.Sleep(100 * time.Millisecond)
	if seen := l.waitFor(t, "platform.start"); len(seen) != 1 {
		t.Errorf("got %s", seen)
	}
}

func TestASlowSubscriberLosesEventsAndIsToldHowMany(t *testing.T) {
	l, hub := listen(t), open(t, false)
	block := make(chan struct{})
	l.set(200, block)
	subscribe(t, hub, "e", subscription(t, TelemetryAPI, "2022-12-13", toServer(l, ""), "function"))
	output := hub.Output(Function)
	output.Take([]byte("first\n"))
	l.waitForRequests(t, 1)
	begin := time.Now()
	for range 1500 {
		output.Take([]byte("more\n"))
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("a slow subscriber held the function up for %v", took)
	}
	close(block)
	seen := l.waitFor(t, "platform.logsDropped")
	if len(seen) != 1+1000+1 || !strings.Contains(seen[1001], `"droppedRecords":500`) {
		t.Errorf("%d events, the last is %s", len(seen), seen[len(seen)-1])
	}
}

func TestASubscriberThatRefusesIsToldLaterWhatItLost(t *testing.T) {
	l, hub := listen(t), open(t, false)
	l.set(500, nil)
	subscribe(t, hub, "e", subscription(t, TelemetryAPI, "2022-12-13", toServer(l, ""), "function"))
	hub.Output(Function).Take([]byte("lost\n"))
	l.waitFor(t, "lost")
	l.set(200, nil)
	if seen := l.waitFor(t, "platform.logsDropped"); !strings.Contains(strings.Join(seen, ""), `"droppedRecords":1,`) {
		t.Errorf("got %s", seen)
	}
}

func TestFlushSendsWhatIsHeldBackAndGivesUpInTime(t *testing.T) {
	l, hub := listen(t), open(t, false)
	held := subscription(t, TelemetryAPI, "2022-12-13", toServer(l, ""), "function")
	held.Buffering.Timeout = time.Hour
	subscribe(t, hub, "e", held)
	hub.Output(Function).Take([]byte("held\n"))
	hub.Flush(20 * time.Second)
	if seen := l.events(); len(seen) != 1 {
		t.Errorf("got %s", seen)
	}
	block := make(chan struct{})
	defer close(block)
	l.set(200, block)
	hub.Output(Function).Take([]byte("stuck\n"))
	begin := time.Now()
	hub.Flush(50 * time.Millisecond)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
