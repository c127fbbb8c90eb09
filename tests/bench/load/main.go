// Command load holds the small programs that measurements need beside the product: the floors (an
// echo server, a reverse proxy), a fake agent, a fake controller, and the load itself.
//
// Contract: listens and dials on loopback only. A server prints its port, or "ready", on one line of
// standard output and ends when standard input closes, so that none outlives who started it. Results
// are one line of JSON; times in it are microseconds.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
)

var commands = map[string]func([]string) error{
	"agents":      runAgents,
	"certificate": runCertificate,
	"controller":  runController,
	"drive":       runDrive,
	"echo":        runEcho,
	"hold":        runHold,
	"proxy":       runProxy,
	"send":        runSend,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("want one of agents, certificate, controller, drive, echo, hold, proxy, send"))
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

// listen binds a free port of loopback.
func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// sayPort tells whoever started this server where it is.
func sayPort(listener net.Listener) { fmt.Println(listener.Addr().(*net.TCPAddr).Port) }

// waitForParent returns when standard input closes: the parent has gone or wants an end.
func waitForParent() { _, _ = io.Copy(io.Discard, os.Stdin) }

func printJSON(value any) error { return json.NewEncoder(os.Stdout).Encode(value) }
