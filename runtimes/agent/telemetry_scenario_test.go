package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// received is the file in which an extension notes what telemetry it is sent, one event a line.
type received struct {
	mutex sync.Mutex
	file  *os.File
}

func (r *received) note(event json.RawMessage) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	_, _ = r.file.Write(append(event, '\n'))
}

func (r *received) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	var batch []json.RawMessage
	body, _ := io.ReadAll(request.Body)
	_ = json.Unmarshal(body, &batch)
	for _, event := range batch {
		r.note(event)
	}
	writer.WriteHeader(200)
}

func (r *received) readLines(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			r.note(append(json.RawMessage(nil), lines.Bytes()...))
		}
	}
}

// listenForTelemetry serves a destination as $PROTOCOL says and gives its description.
func listenForTelemetry() map[string]any {
	file, err := os.OpenFile(os.Getenv("RECEIVED"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	listener, alsoErr := net.Listen("tcp", "127.0.0.1:0")
	if err != nil || alsoErr != nil {
		fmt.Println(err, alsoErr)
		os.Exit(7)
	}
	sink := &received{file: file}
	port := listener.Addr().(*net.TCPAddr).Port
	if os.Getenv("PROTOCOL") == "TCP" {
		go sink.readLines(listener)
		return map[string]any{"protocol": "TCP", "port": port}
	}
	go func() { _ = http.Serve(listener, sink) }()
	uri := fmt.Sprintf("http://sandbox.localdomain:%d", port)
	return map[string]any{"protocol": "HTTP", "URI": uri}
}

// subscribedFile is there once the extension that notes its telemetry in path has subscribed.
func subscribedFile(path string) string { return path + ".subscribed" }

func (x *extension) subscribe(path string, body map[string]any) {
	text, _ := json.Marshal(body)
	status, _, reply := x.call("PUT", path, x.identified(), string(text))
	x.say("subscribe %d %s", status, reply)
}

// subscription is what $SCHEMA, $TYPES and $TIMEOUT ask for.
func subscription(destination map[string]any) map[string]any {
	timeout := 25
	_, _ = fmt.Sscan(os.Getenv("TIMEOUT"), &timeout)
	types := strings.Fields(os.Getenv("TYPES"))
	if len(types) == 0 {
		types = []string{"platform", "function", "extension"}
	}
	return map[string]any{
		"schemaVersion": os.Getenv("SCHEMA"), "types": types, "destination": destination,
		"buffering": map[string]any{"timeoutMs": timeout, "maxItems": 1000, "maxBytes": 262144},
	}
}

const (
	telemetryPath = "/2022-07-01/telemetry"
	logsPath      = "/2020-08-15/logs"
)

func init() {
	for name, scenario := range map[string]func(){
		"ext-telemetry": func() {
			subscribed := subscribedFile(os.Getenv("RECEIVED"))
			_ = os.Remove(subscribed) // of an init before; the runtime starts after the registration
			x := registered()
			path := telemetryPath
			if strings.HasPrefix(os.Getenv("SCHEMA"), "202") && os.Getenv("SCHEMA") < "2022" {
				path = logsPath
			}
			x.subscribe(path, subscription(listenForTelemetry()))
			_ = os.WriteFile(subscribed, nil, 0o600)
			x.loop(nil)
			time.Sleep(200 * time.Millisecond) // for what is told last
		},
		"ext-telemetry-wrong": func() {
			x := registered()
			good := subscription(map[string]any{"protocol": "TCP", "port": 9})
			x.subscribe(telemetryPath, map[string]any{"schemaVersion": "2022-12-13"})
			x.subscribe(logsPath, map[string]any{})
			identifier := x.id
			x.id = "00000000-0000-4000-8000-000000000000"
			x.subscribe(telemetryPath, good)
			x.id = "x"
			x.subscribe(telemetryPath, good)
			x.id = ""
			x.subscribe(telemetryPath, good)
			x.id = identifier
			x.subscribe(telemetryPath, good)
			x.subscribe(logsPath, map[string]any{
				"types": []string{"platform"}, "destination": map[string]any{"protocol": "TCP", "port": 9},
			})
			x.loop(nil)
		},
		"ext-telemetry-late": func() {
			x := registered()
			x.loop(func() {
				good := subscription(map[string]any{"protocol": "TCP", "port": 9})
				x.subscribe(telemetryPath, good)
				good["schemaVersion"] = "2020-08-15"
				x.subscribe(logsPath, good)
			})
		},
		"chatty": func() {
			fmt.Println("printed in init")
			obeyed()
		},
	} {
		scenarios[name] = scenario
	}
}
