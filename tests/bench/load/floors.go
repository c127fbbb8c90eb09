package main

import (
	"flag"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
)

// runEcho serves the floor: a request's body is its answer.
func runEcho([]string) error {
	return serve(http.HandlerFunc(echo), "", "")
}

func echo(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = writer.Write(body)
}

// runProxy serves the second floor: Go's reverse proxy in front of another server.
func runProxy(arguments []string) error {
	flags := flag.NewFlagSet("proxy", flag.ExitOnError)
	target := flags.String("target", "", "URL of the server behind")
	certificate := flags.String("certificate", "", "PEM file; serves TLS where given")
	key := flags.String("key", "", "PEM file")
	_ = flags.Parse(arguments)
	behind, err := url.Parse(*target)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(behind) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 256},
	}
	return serve(proxy, *certificate, *key)
}

// runController takes demand as the controller does and asks for nothing.
func runController([]string) error {
	return serve(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		_, _ = io.WriteString(writer, `{"drain":[]}`)
	}), "", "")
}

func serve(handler http.Handler, certificate, key string) error {
	listener, err := listen()
	if err != nil {
		return err
	}
	// No HTTP/2: everything that is compared speaks HTTP/1.1.
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	failed := make(chan error, 1)
	go func() {
		if certificate != "" {
			failed <- server.ServeTLS(listener, certificate, key)
		} else {
			failed <- server.Serve(listener)
		}
	}()
	sayPort(listener)
	go func() { waitForParent(); failed <- nil }()
	return <-failed
}
