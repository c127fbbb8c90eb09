package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// api is a minimal runtime client on one kept connection.
type api struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dialAPI() *api {
	conn, err := net.Dial("tcp", os.Getenv("AWS_LAMBDA_RUNTIME_API"))
	if err != nil {
		fmt.Println("runtime:", err)
		os.Exit(9)
	}
	return &api{conn, bufio.NewReader(conn)}
}

// do sends a raw request and gives status, headers and body of the answer.
func (a *api) do(raw string) (int, http.Header, string) {
	if _, err := io.WriteString(a.conn, raw); err != nil {
		fmt.Println("runtime:", err)
		os.Exit(9)
	}
	response, err := http.ReadResponse(a.reader, nil)
	if err != nil {
		fmt.Println("runtime:", err)
		os.Exit(9)
	}
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(body)
}

// raw sends what may be a part of a request.
func (a *api) raw(text string) { _, _ = io.WriteString(a.conn, text) }

func (a *api) next() (string, http.Header, string) {
	_, headers, body := a.do("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
	return headers.Get("Lambda-Runtime-Aws-Request-Id"), headers, body
}

func (a *api) post(path string, headers string, body string) (int, string) {
	status, _, reply := a.do(fmt.Sprintf("POST /2018-06-01/runtime/%s HTTP/1.1\r\nHost: x\r\n%s"+
		"Content-Length: %d\r\n\r\n%s", path, headers, len(body), body))
	return status, reply
}

func (a *api) respond(id, body string) (int, string) {
	return a.post("invocation/"+id+"/response", "", body)
}

// runScenario is the runtime process: each scenario is one way a function may behave.
func runScenario(name string) {
	scenario, found := scenarios[name]
	if !found {
		fmt.Println("no such scenario:", name)
		os.Exit(99)
	}
	if os.Getenv("EXTENSION_NAME") == "" {
		awaitFile(os.Getenv("AWAITED_FILE"))
	}
	scenario()
}

// awaitFile returns when there is a file of this path; at once where it is empty.
func awaitFile(path string) {
	for path != "" {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// obeyed gives a runtime that does what its event says, for as long as it lives.
func obeyed() {
	a := dialAPI()
	for {
		id, headers, event := a.next()
		word, rest, _ := strings.Cut(strings.Trim(event, "\""), " ")
		command, found := commands[word]
		if !found {
			a.respond(id, `"unknown command"`)
			continue
		}
		command(a, id, rest, headers)
	}
}

// held keeps memory in use.
var held []byte

var commands = map[string]func(a *api, id, rest string, headers http.Header){
	"echo": func(a *api, id, rest string, _ http.Header) { a.respond(id, rest) },
	"headers": func(a *api, id, _ string, headers http.Header) {
		var text strings.Builder
		_ = headers.Write(&text)
		a.respond(id, text.String())
	},
	"env": func(a *api, id, _ string, _ http.Header) {
		directory, _ := os.Getwd()
		a.respond(id, strings.Join(append(os.Environ(), "cwd="+directory), "\n"))
	},
	"pid": func(a *api, id, _ string, _ http.Header) { a.respond(id, strconv.Itoa(os.Getpid())) },
	"read": func(a *api, id, rest string, _ http.Header) {
		text, _ := os.ReadFile(rest)
		a.respond(id, string(text))
	},
	"hold": func(a *api, id, rest string, _ http.Header) {
		megabytes, _ := strconv.Atoi(rest)
		held = bytes.Repeat([]byte{1}, megabytes<<20)
		a.respond(id, "{}")
	},
	"print": func(a *api, id, rest string, _ http.Header) {
		fmt.Print(strings.ReplaceAll(rest, "|", "\n"))
		a.respond(id, "{}")
	},
	// "records a|b" writes a and b in frames where the agent says, or a line that it does not say.
	"records": func(a *api, id, rest string, _ http.Header) {
		number, err := strconv.Atoi(os.Getenv("_LAMBDA_TELEMETRY_LOG_FD"))
		if err != nil {
			fmt.Println("no descriptor")
			a.respond(id, "{}")
			return
		}
		log := os.NewFile(uintptr(number), "log")
		for record := range strings.SplitSeq(rest, "|") {
			header := binary.BigEndian.AppendUint32(nil, 0xA55A0003)
			header = binary.BigEndian.AppendUint32(header, uint32(len(record)))
			header = binary.BigEndian.AppendUint64(header, uint64(time.Now().UnixMicro()))
			_, _ = log.Write(header)
			_, _ = log.WriteString(record)
			fmt.Print("printed ")
		}
		a.respond(id, "{}")
	},
	"flood": func(a *api, id, rest string, _ http.Header) {
		count, _ := strconv.Atoi(rest)
		for number := range count {
			fmt.Printf("line %07d\n", number)
		}
		a.respond(id, "{}")
	},
	"exit": func(_ *api, _, rest string, _ http.Header) {
		code, _ := strconv.Atoi(rest)
		os.Exit(code)
	},
	"answer-and-exit": func(a *api, id, rest string, _ http.Header) {
		code, _ := strconv.Atoi(rest)
		a.respond(id, `"answered"`)
		os.Exit(code)
	},
	"kill": func(_ *api, _, rest string, _ http.Header) {
		// A shell in the process's place, since Go has handlers of its own for some signals.
		_ = syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -" + rest + " $$; sleep 60"}, nil)
	},
	"signal-agent": func(a *api, id, rest string, _ http.Header) {
		number, _ := strconv.Atoi(rest)
		if err := syscall.Kill(os.Getppid(), syscall.Signal(number)); err != nil {
			fmt.Println(err)
		}
		a.respond(id, "{}")
	},
	"shell": func(a *api, id, rest string, _ http.Header) {
		// The shell stays behind: nobody waits for it.
		command := exec.Command("/bin/sh", "-c", rest)
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		_ = command.Start()
		a.respond(id, "{}")
	},
	"shell-and-hang": func(_ *api, _, rest string, _ http.Header) {
		command := exec.Command("/bin/sh", "-c", rest)
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		_ = command.Start()
		time.Sleep(time.Minute)
	},
	"hang": func(_ *api, _, _ string, _ http.Header) { time.Sleep(time.Minute) },
	"sleep": func(a *api, id, rest string, _ http.Header) {
		wait, _ := time.ParseDuration(rest)
		time.Sleep(wait)
		a.respond(id, `"slept"`)
	},
	"answer-and-hang": func(a *api, id, _ string, _ http.Header) {
		a.respond(id, `"answered"`)
		time.Sleep(time.Minute)
	},
	"error": func(a *api, id, rest string, _ http.Header) {
		a.post("invocation/"+id+"/error", "Lambda-Runtime-Function-Error-Type: Runtime.Tested\r\n", rest)
	},
	"error-type": func(a *api, id, rest string, _ http.Header) {
		a.post("invocation/"+id+"/error", "Lambda-Runtime-Function-Error-Type: "+rest+"\r\n", "{}")
	},
	"long-header": func(a *api, id, rest string, _ http.Header) {
		length, _ := strconv.Atoi(rest)
		header := "Lambda-Runtime-Function-XRay-Error-Cause: " + strings.Repeat("x", length) + "\r\n"
		status, _ := a.post("invocation/"+id+"/error", header, `{"posted":true}`)
		fmt.Println("status", status)
	},
	"size": func(a *api, id, rest string, _ http.Header) {
		length, _ := strconv.Atoi(rest)
		status, reply := a.respond(id, strings.Repeat("x", length))
		fmt.Println("status", status, reply)
	},
	"chunked": func(a *api, id, rest string, _ http.Header) {
		var body strings.Builder
		for _, piece := range strings.Fields(rest) {
			fmt.Fprintf(&body, "%x;extension=1\r\n%s\r\n", len(piece), piece)
		}
		status, _, _ := a.do("POST /2018-06-01/runtime/invocation/" + id + "/response HTTP/1.1\r\n" +
			"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n" +
			"Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n" +
			body.String() + "0\r\n\r\n")
		fmt.Println("status", status)
	},
	"trailers": func(a *api, id, rest string, _ http.Header) {
		status, _, _ := a.do("POST /2018-06-01/runtime/invocation/" + id + "/response HTTP/1.1\r\n" +
			"Host: x\r\nTransfer-Encoding: chunked\r\n" +
			"Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n4\r\npart\r\n0\r\n" +
			"Lambda-Runtime-Function-Error-Type: Function.Broken\r\n" +
			"Lambda-Runtime-Function-Error-Body: " + base64.StdEncoding.EncodeToString([]byte(rest)) +
			"\r\n\r\n")
		fmt.Println("status", status)
	},
	"stream": func(a *api, id, rest string, _ http.Header) {
		a.beginStream(id, "Lambda-Runtime-Function-Response-Mode: streaming\r\n")
		for _, piece := range strings.Fields(rest) {
			a.raw(fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
			time.Sleep(50 * time.Millisecond)
		}
		a.do("0\r\n\r\n")
	},
	// As aws-lambda-go does with a reader: chunks as they come, and no word of a mode.
	"stream-modeless": func(a *api, id, rest string, _ http.Header) {
		a.beginStream(id, "")
		for _, piece := range strings.Fields(rest) {
			a.raw(fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
			time.Sleep(50 * time.Millisecond)
		}
		a.do("0\r\n\r\n")
	},
	// As aws-lambda-ric 4 does after a stream that failed: next, and only then the answer.
	"next-before-answer": func(a *api, id, _ string, _ http.Header) {
		a.answerNext(func() { a.respond(id, "answered") })
	},
	"next-amid-answer": func(a *api, id, _ string, _ http.Header) {
		a.beginStream(id, "")
		a.answerNext(func() { a.do("8\r\nanswered\r\n0\r\n\r\n") })
	},
	"truncate": func(a *api, id, _ string, _ http.Header) {
		other := dialAPI()
		other.raw("POST /2018-06-01/runtime/invocation/" + id + "/response HTTP/1.1\r\n" +
			"Host: x\r\nContent-Length: 100\r\n\r\npart")
		_ = other.conn.Close()
		time.Sleep(50 * time.Millisecond)
	},
	"mode": func(a *api, id, rest string, _ http.Header) {
		status, reply := a.post("invocation/"+id+"/response",
			"Lambda-Runtime-Function-Response-Mode: "+rest+"\r\n", "{}")
		fmt.Println("status", status, reply)
	},
	"twice": func(a *api, id, _ string, _ http.Header) {
		a.respond(id, `"first"`)
		status, reply := a.respond(id, `"second"`)
		fmt.Println("response", status, reply)
		status, reply = a.post("invocation/"+id+"/error", "", "{}")
		fmt.Println("error", status, reply)
		status, reply = a.post("init/error", "", "{}")
		fmt.Println("init/error", status, reply)
	},
	"wrong-id": func(a *api, id, _ string, _ http.Header) {
		status, reply := a.respond("another", "{}")
		fmt.Println("response", status, reply)
		status, reply = a.post("invocation/another/error", "", "{}")
		fmt.Println("error", status, reply)
		status, _, reply = a.do("GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n")
		fmt.Println("ping", status, reply)
		status, _, _ = a.do("GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n")
		fmt.Println("elsewhere", status)
		status, _, _ = a.do("DELETE /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
		fmt.Println("delete", status)
		a.respond(id, "{}")
	},
	"next-again": func(a *api, id, _ string, _ http.Header) {
		again, _, event := dialAPI().next()
		a.respond(again, event)
	},
	"abandoned-next": func(a *api, id, _ string, _ http.Header) {
		a.respond(id, "{}")
		lost := dialAPI()
		lost.raw("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(20 * time.Millisecond)
	},
}

func (a *api) beginStream(id, mode string) {
	a.raw("POST /2018-06-01/runtime/invocation/" + id + "/response HTTP/1.1\r\n" +
		"Host: x\r\nTransfer-Encoding: chunked\r\n" + mode + "\r\n")
}

// answerNext has a call of next wait when the answer goes out; the event that it gives comes back.
func (a *api) answerNext(answer func()) {
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		other := dialAPI()
		id, _, event := other.next()
		other.respond(id, event)
	}()
	time.Sleep(50 * time.Millisecond)
	answer()
	<-asked
}

var scenarios = map[string]func(){
	"obey":      obeyed,
	"init-exit": func() { os.Exit(3) },
	"init-error": func() {
		fmt.Println("about to fail")
		status, _ := dialAPI().post("init/error", "Lambda-Runtime-Function-Error-Type: "+
			"Runtime.ImportModuleError\r\n", `{"errorMessage":"no module","requestId":""}`)
		fmt.Println("status", status)
		os.Exit(1)
	},
	"init-error-and-stay": func() {
		a := dialAPI()
		a.post("init/error", "", `{"stayed":true}`)
		_, _, reply := a.next()
		fmt.Println(reply)
		time.Sleep(time.Minute)
	},
	"init-hang": func() { time.Sleep(time.Minute) },
	// init-second hangs in its first init and works in the next.
	"init-second": func() {
		marker := os.Getenv("TEST_MARKER")
		if _, err := os.Stat(marker); err != nil {
			_ = os.WriteFile(marker, nil, 0o600)
			time.Sleep(time.Minute)
		}
		obeyed()
	},
}
