package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
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
	scenario()
}

// serve answers each event with what handle gives.
func serve(handle func(a *api, id, event string) string) {
	a := dialAPI()
	for {
		id, _, event := a.next()
		a.respond(id, handle(a, id, event))
	}
}

var scenarios = map[string]func(){
	"echo": func() {
		serve(func(_ *api, _, event string) string { return event })
	},
	"headers": func() {
		a := dialAPI()
		for {
			id, headers, _ := a.next()
			var text strings.Builder
			_ = headers.Write(&text)
			a.respond(id, text.String())
		}
	},
}
