package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// extension is an extension's side of the API, in a process of its own or in the runtime's.
type extension struct {
	*api
	name string
	id   string
}

func newExtension(name string) *extension { return &extension{api: dialAPI(), name: name} }

func (x *extension) say(format string, arguments ...any) {
	fmt.Println(x.name + ": " + fmt.Sprintf(format, arguments...))
}

// call makes a request to the Extensions API or another and gives status, headers and body.
func (x *extension) call(method, path, headers, body string) (int, http.Header, string) {
	status, answered, reply := x.do(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s",
		method, path, headers, len(body), body))
	return status, answered, strings.TrimSpace(reply)
}

func (x *extension) register(events ...string) (int, string) {
	if events == nil {
		events = []string{}
	}
	body, _ := json.Marshal(map[string]any{"events": events})
	status, headers, reply := x.call("POST", "/2020-01-01/extension/register",
		"Lambda-Extension-Name: "+x.name+"\r\n"+os.Getenv("EXTENSION_HEADERS"), string(body))
	if id := headers.Get("Lambda-Extension-Identifier"); id != "" {
		x.id = id
	}
	return status, reply
}

func (x *extension) identified() string { return "Lambda-Extension-Identifier: " + x.id + "\r\n" }

func (x *extension) nextEvent() (map[string]any, http.Header, string) {
	status, headers, reply := x.call("GET", "/2020-01-01/extension/event/next", x.identified(), "")
	event := map[string]any{}
	if status != 200 || json.Unmarshal([]byte(reply), &event) != nil {
		x.say("next %d %s", status, reply)
		os.Exit(8)
	}
	return event, headers, reply
}

func (x *extension) report(kind, errorType string) {
	status, _, reply := x.call("POST", "/2020-01-01/extension/"+kind+"/error",
		x.identified()+"Lambda-Extension-Function-Error-Type: "+errorType+"\r\n", "{}")
	x.say("%s/error %d %s", kind, status, reply)
}

// loop says what it is given; act, where there is one, may do something about an INVOKE.
func (x *extension) loop(act func()) {
	for {
		event, headers, raw := x.nextEvent()
		x.say("got %s", raw)
		if headers.Get("Lambda-Extension-Event-Identifier") == "" {
			x.say("no event identifier")
		}
		if event["eventType"] == "SHUTDOWN" {
			return
		}
		if act != nil {
			act()
		}
	}
}

// registered gives an extension that has registered for the events in $EVENTS.
func registered() *extension {
	x := newExtension(os.Getenv("EXTENSION_NAME"))
	status, reply := x.register(strings.Fields(os.Getenv("EVENTS"))...)
	x.say("register %d %s", status, reply)
	return x
}

func init() {
	for name, scenario := range map[string]func(){
		"ext-loop": func() { registered().loop(nil) },
		"ext-gated": func() {
			fmt.Println("waits at its gate")
			awaitFile(os.Getenv("GATE"))
			registered().loop(nil)
		},
		"ext-slow-init": func() {
			x := registered()
			time.Sleep(300 * time.Millisecond)
			x.say("init over")
			x.loop(nil)
		},
		"ext-slow": func() { registered().loop(func() { time.Sleep(400 * time.Millisecond) }) },
		// ext-work-until works on an event until the file $UNTIL is there.
		"ext-work-until": func() {
			registered().loop(func() { awaitFile(os.Getenv("UNTIL")) })
		},
		"ext-hang": func() { registered().loop(func() { time.Sleep(time.Minute) }) },
		"ext-stay": func() {
			x := registered()
			x.loop(nil)
			x.say("stays")
			time.Sleep(time.Minute)
		},
		// ext-stay-until stays after SHUTDOWN until the file $UNTIL is there.
		"ext-stay-until": func() {
			registered().loop(nil)
			awaitFile(os.Getenv("UNTIL"))
		},
		"ext-env": func() {
			x := registered()
			directory, _ := os.Getwd()
			x.say("cwd=%s", directory)
			for _, variable := range os.Environ() {
				x.say("env %s", variable)
			}
			x.loop(nil)
		},
		"ext-silent": func() { time.Sleep(time.Minute) },
		"ext-exit":   func() { os.Exit(3) },
		"ext-exit-on-invoke": func() {
			registered().loop(func() { os.Exit(map[string]int{"": 0, "5": 5}[os.Getenv("CODE")]) })
		},
		"ext-killed-on-invoke": func() {
			registered().loop(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		},
		"ext-exit-while-idle": func() {
			x := registered()
			go func() { time.Sleep(400 * time.Millisecond); x.say("leaves"); os.Exit(4) }()
			x.loop(nil)
		},
		"ext-init-error": func() {
			registered().report("init", "Extension.NoConfig")
			os.Exit(1)
		},
		"ext-init-error-stay": func() {
			registered().report("init", "Extension.NoConfig")
			time.Sleep(time.Minute)
		},
		"ext-exit-error": func() {
			x := registered()
			x.loop(func() { x.report("exit", "Extension.Broken"); os.Exit(1) })
		},
		"ext-wrong-calls": wrongCalls,
		"internal":        func() { withInternal("INVOKE"); obeyed() },
		"internal-term": func() {
			withInternal()
			onTerm(func() { fmt.Println("runtime: got SIGTERM"); os.Exit(0) })
			obeyed()
		},
		"internal-ignores-term": func() {
			withInternal()
			onTerm(func() { fmt.Println("runtime: ignores SIGTERM") })
			obeyed()
		},
		"term": func() {
			onTerm(func() { fmt.Println("runtime: got SIGTERM"); os.Exit(0) })
			obeyed()
		},
		"term-ignored": func() {
			onTerm(func() { fmt.Println("runtime: ignores SIGTERM") })
			obeyed()
		},
		"late-registration": func() {
			go func() {
				time.Sleep(200 * time.Millisecond) // the runtime has called next by then
				status, reply := newExtension("late").register("INVOKE")
				fmt.Println("late:", status, reply)
			}()
			obeyed()
		},
		"internal-refused": func() {
			status, reply := newExtension("inner").register("SHUTDOWN")
			fmt.Println("inner:", status, reply)
			obeyed()
		},
	} {
		scenarios[name] = scenario
	}
}

func onTerm(act func()) {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	go func() {
		for range terms {
			act()
		}
	}()
}

// withInternal registers an extension inside the runtime's process and lets it loop.
func withInternal(events ...string) {
	x := newExtension("inner")
	status, reply := x.register(events...)
	x.say("register %d %s", status, reply)
	go x.loop(nil)
}

// wrongCalls does what is refused, in an order in which it is.
func wrongCalls() {
	x := newExtension(os.Getenv("EXTENSION_NAME"))
	const next = "/2020-01-01/extension/event/next"
	try := func(what, method, path, headers, body string) {
		status, _, reply := x.call(method, path, headers, body)
		x.say("%s %d %s", what, status, reply)
	}
	name := "Lambda-Extension-Name: " + x.name + "\r\n"
	unknown := "Lambda-Extension-Identifier: 00000000-0000-4000-8000-000000000000\r\n"
	const register = "/2020-01-01/extension/register"
	try("nameless", "POST", register, "", "{}")
	try("no-json", "POST", register, name, "{")
	try("keys", "POST", register, name, `{"configurationKeys":["a"]}`)
	try("event-type", "POST", register, name, `{"events":["START"]}`)
	try("missing-id", "GET", next, "", "")
	try("invalid-id", "GET", next, "Lambda-Extension-Identifier: x\r\n", "")
	try("unknown-id", "GET", next, unknown, "")
	try("unknown-init", "POST", "/2020-01-01/extension/init/error", unknown+"Lambda-Extension-Function-Error-Type: x\r\n", "")
	x.register()
	try("again", "POST", register, name, "{}")
	try("no-header", "POST", "/2020-01-01/extension/exit/error", x.identified(), "")
	try("method", "POST", next, x.identified(), "")
	try("elsewhere", "GET", "/2020-01-01/extension/other", x.identified(), "")
	other := &extension{api: dialAPI(), name: x.name, id: x.id}
	go func() {
		time.Sleep(300 * time.Millisecond)
		status, _, reply := other.call("GET", next, x.identified(), "")
		x.say("next-twice %d %s", status, strings.ReplaceAll(reply, x.id, "ID"))
		status, _, reply = other.call("POST", "/2020-01-01/extension/init/error",
			x.identified()+"Lambda-Extension-Function-Error-Type: x\r\n", "")
		x.say("late-init %d %s", status, strings.ReplaceAll(reply, x.id, "ID"))
		x.say("done")
	}()
	x.loop(nil)
}
