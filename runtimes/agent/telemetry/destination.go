package telemetry

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// loopback is where sandbox.localdomain is: the environment itself.
const loopback = "127.0.0.1"

// Destination is where a subscriber listens.
type Destination struct {
	// Stream is a TCP destination: lines of JSON; else an HTTP one: arrays of JSON.
	Stream  bool
	Address string
	// Method, Path and Host are an HTTP destination's.
	Method string
	Path   string
	Host   string
}

type destinationRequest struct {
	Protocol string `json:"protocol"`
	URI      string `json:"URI"`
	Port     int    `json:"port"`
	Method   string `json:"method"`
	Encoding string `json:"encoding"`
}

func (d destinationRequest) read() (Destination, []string) {
	if d.Encoding != "" && d.Encoding != "JSON" {
		return Destination{}, []string{"destination encoding should be JSON"}
	}
	switch d.Protocol {
	case "HTTP":
		return d.readHTTP()
	case "TCP":
		if d.Port < 1 || d.Port > 65_535 {
			return Destination{}, []string{outOfRange("destination port", 1, 65_535)}
		}
		return Destination{Stream: true, Address: net.JoinHostPort(loopback, strconv.Itoa(d.Port))}, nil
	}
	return Destination{}, []string{"destination protocol should be HTTP or TCP"}
}

func (d destinationRequest) readHTTP() (Destination, []string) {
	method := d.Method
	if method == "" {
		method = "POST"
	}
	rest, isHTTP := strings.CutPrefix(d.URI, "http://")
	host, path, _ := strings.Cut(rest, "/")
	name, port, err := net.SplitHostPort(host)
	number, _ := strconv.Atoi(port)
	address, local := resolve(name)
	switch {
	case method != "POST" && method != "PUT":
		return Destination{}, []string{"destination method should be POST or PUT"}
	case d.URI == "":
		return Destination{}, []string{"destination URI is not provided"}
	case !isHTTP:
		return Destination{}, []string{"destination URI should begin with http://"}
	case err != nil || number < 1 || number > 65_535:
		return Destination{}, []string{"URI port is not provided"}
	case !local:
		return Destination{}, []string{"URI host should be sandbox.localdomain"}
	case strings.ContainsAny(d.URI, " \r\n\t"):
		return Destination{}, []string{"destination URI is malformed"}
	}
	return Destination{
		Method: method, Address: net.JoinHostPort(address, port), Path: "/" + path, Host: host,
	}, nil
}

// resolve gives the address of a name of the environment itself; nobody else is sent anything.
func resolve(name string) (string, bool) {
	switch name {
	case "sandbox.localdomain", "sandbox", "localhost":
		return loopback, true
	}
	if ip := net.ParseIP(name); ip != nil && ip.IsLoopback() {
		return name, true
	}
	return "", false
}

func outOfRange(name string, least, most int) string {
	return fmt.Sprintf("%s should be between %d and %d", name, least, most)
}
