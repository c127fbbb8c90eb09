package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const nonce = "0123456789abcdef0123456789abcdef"

// agentPlan says what the fake agents are and how long their function takes.
type agentPlan struct {
	Gateway      string  `json:"gateway"`
	Key          string  `json:"key"`
	Namespace    string  `json:"namespace"`
	Function     string  `json:"function"`
	UID          string  `json:"uid"`
	ConfigDigest string  `json:"configDigest"`
	Count        int     `json:"count"`
	HoldMs       float64 `json:"holdMs"`
	// Answer is "", which answers with the event, "error", a function error, or "streamed", the event
	// three times as a response stream.
	Answer string `json:"answer"`
}

// runAgents links many environments, each of which answers an event with its own body.
func runAgents(arguments []string) error {
	var plan agentPlan
	if len(arguments) != 1 {
		return fmt.Errorf("agents wants one JSON object")
	}
	if err := json.Unmarshal([]byte(arguments[0]), &plan); err != nil {
		return err
	}
	key, err := hex.DecodeString(plan.Key)
	if err != nil {
		return err
	}
	ready := make(chan struct{}, plan.Count)
	for number := range plan.Count {
		one := &agent{plan: plan, key: key, pod: fmt.Sprintf("fake-%d", number), ready: ready}
		go one.run()
	}
	for range plan.Count {
		<-ready
	}
	fmt.Println("ready")
	waitForParent()
	return nil
}

type agent struct {
	plan    agentPlan
	key     []byte
	pod     string
	ready   chan<- struct{}
	conn    net.Conn
	reader  *bufio.Reader
	request string
	body    []byte
	buffer  []byte
}

// run serves for ever, dialling anew where it is turned away (a gateway that has just started).
func (a *agent) run() {
	for {
		_ = a.session()
		if a.conn != nil {
			_ = a.conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (a *agent) session() error {
	if err := a.open(); err != nil {
		return err
	}
	for {
		kind, payload, err := readFrame(a.reader)
		if err != nil {
			return err
		}
		if err := a.receive(kind, payload); err != nil {
			return err
		}
	}
}

func (a *agent) open() (err error) {
	a.conn, err = net.Dial("tcp", a.plan.Gateway)
	if err != nil {
		return err
	}
	a.reader = bufio.NewReaderSize(a.conn, 64*1024)
	upgrade := "GET /link/v1 HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\n" +
		"Upgrade: kubelambda-link/1\r\n\r\n"
	if _, err = io.WriteString(a.conn, upgrade); err != nil {
		return err
	}
	if err = skipHead(a.reader); err != nil {
		return err
	}
	var challenge struct{ Nonce string }
	if err = expectFrame(a.reader, frameChallenge, &challenge); err != nil {
		return err
	}
	_, err = a.conn.Write(appendControl(nil, frameHello, a.hello(challenge.Nonce)))
	if err != nil {
		return err
	}
	var welcome map[string]any
	return expectFrame(a.reader, frameWelcome, &welcome)
}

func (a *agent) hello(gatewayNonce string) map[string]any {
	p := a.plan
	return map[string]any{
		"version": 1, "namespace": p.Namespace, "function": p.Function, "uid": p.UID,
		"keyGeneration": 1, "configDigest": p.ConfigDigest, "revision": "bench",
		"pod": a.pod, "podUid": a.pod, "nonce": nonce, "state": "unconfigured", "epoch": 0,
		"proof": prove(a.key, "agent", gatewayNonce, nonce, p.UID, a.pod),
	}
}

func (a *agent) receive(kind byte, payload []byte) error {
	switch kind {
	case frameConfigure:
		_, err := a.conn.Write(appendControl(nil, frameInitDone, map[string]any{"initMs": 1.0}))
		a.ready <- struct{}{}
		return err
	case frameInvoke:
		var head struct {
			RequestID string `json:"requestId"`
		}
		a.body = a.body[:0]
		err := json.Unmarshal(payload, &head)
		a.request = head.RequestID
		return err
	case frameInvokeBody:
		a.body = append(a.body, payload...)
	case frameInvokeEnd:
		return a.answer()
	case framePing:
		_, err := a.conn.Write(appendFrame(nil, framePong, nil))
		return err
	case frameDrain, frameShutdown, frameGoaway:
		return io.EOF
	}
	return nil
}

// answer writes the whole answer at once. Bodies stay below one frame, so no credit is needed.
func (a *agent) answer() error {
	if a.plan.HoldMs > 0 {
		time.Sleep(time.Duration(a.plan.HoldMs * float64(time.Millisecond)))
	}
	id := strings.ReplaceAll(a.request, `"`, "")
	failed, errorType, mode, status, copies := "false", "", "buffered", "success", 1
	switch a.plan.Answer {
	case "error":
		failed, errorType, status = "true", "Bench.Failed", "error"
	case "streamed":
		mode, copies = "streaming", 3
	}
	out := a.buffer[:0]
	out = appendFrame(out, frameResponse, []byte(`{"requestId":"`+id+`","functionError":`+failed+
		`,"errorType":"`+errorType+`","mode":"`+mode+`","contentType":"application/json"}`))
	for range copies {
		out = appendFrame(out, frameResponseBody, a.body)
	}
	out = appendFrame(out, frameResponseEnd, []byte(`{"requestId":"`+id+`"}`))
	out = appendFrame(out, frameIdle, []byte(`{"requestId":"`+id+`","status":"`+status+
		`","errorType":"`+errorType+`","durationMs":0.1,"billedMs":1,"maxMemoryMB":1}`))
	a.buffer = out
	_, err := a.conn.Write(out)
	return err
}
