package main

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kubelambda.io/agent/link"
)

func TestHelloSaysWhoAndWhat(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "obey")
	s := a.gateway.session()
	for name, wanted := range map[string]any{
		"version": 1.0, "namespace": "default", "function": "hello", "uid": "uid-1", "keyGeneration": 1.0,
		"configDigest": "digest", "revision": "revision", "pod": "pod-1", "podUid": "pod-uid-1",
		"state": "unconfigured", "epoch": 0.0,
	} {
		if s.hello[name] != wanted {
			t.Errorf("%s is %v", name, s.hello[name])
		}
	}
}

func TestAGatewayWithoutTheKeyIsNotObeyed(t *testing.T) {
	var dials atomic.Int32
	g := newGateway(t, testKey)
	g.verdict = func(map[string]any) (link.Type, map[string]any) {
		if dials.Add(1) > 1 {
			return link.Welcome, map[string]any{"epoch": 0}
		}
		return link.Welcome, map[string]any{"epoch": 0, "proof": strings.Repeat("0", 64)}
	}
	startAgent(t, g, "obey")
	first, second := g.session(), g.session()
	first.configure(nil)
	first.closed()
	if second.hello["state"] != "unconfigured" {
		t.Errorf("got %v", second.hello)
	}
}

func TestARedirectIsFollowedAndTheEpochRemembered(t *testing.T) {
	owner, service := newGateway(t, testKey), newGateway(t, testKey)
	owner.epoch = 5
	service.verdict = func(map[string]any) (link.Type, map[string]any) {
		return link.Redirect, map[string]any{
			"address": owner.address(), "epoch": 5, "epochProof": "a gateway's word",
		}
	}
	startAgent(t, service, "obey")
	s := owner.session()
	if s.hello["epoch"] != 5.0 || s.hello["epochProof"] != "a gateway's word" {
		t.Errorf("got %v", s.hello)
	}
}

func TestTheSuccessorOfAGoawayHearsItsEpochWithItsProof(t *testing.T) {
	g, successor := newGateway(t, testKey), newGateway(t, testKey)
	successor.epoch = 7
	startAgent(t, g, "obey")
	g.session().send(link.Goaway, map[string]any{
		"address": successor.address(), "epoch": 7, "epochProof": "a gateway's word",
	})
	s := successor.session()
	if s.hello["epoch"] != 7.0 || s.hello["epochProof"] != "a gateway's word" {
		t.Errorf("got %v", s.hello)
	}
}

func TestAnOlderEpochIsNotObeyed(t *testing.T) {
	g := newGateway(t, testKey)
	var dials atomic.Int32
	g.verdict = func(map[string]any) (link.Type, map[string]any) {
		return link.Welcome, map[string]any{"epoch": []int{5, 4, 5}[min(dials.Add(1)-1, 2)]}
	}
	startAgent(t, g, "obey")
	_ = g.session().conn.Close()
	stale := g.session()
	stale.closed()
	if s := g.session(); s.hello["epoch"] != 5.0 {
		t.Errorf("got %v", s.hello)
	}
}

func TestARefusalIsWaitedOut(t *testing.T) {
	g := newGateway(t, testKey)
	var dials atomic.Int32
	g.verdict = func(map[string]any) (link.Type, map[string]any) {
		if dials.Add(1) == 1 {
			return link.Refuse, map[string]any{"reason": "not now", "retryAfterMs": 600}
		}
		return link.Welcome, map[string]any{"epoch": 0}
	}
	begin := time.Now()
	startAgent(t, g, "obey")
	g.session()
	if waited := time.Since(begin); waited < 600*time.Millisecond {
		t.Errorf("dialled again after %v", waited)
	}
}

func TestALostLinkLetsTheEventFinishAndKeepsItsResult(t *testing.T) {
	a, s := startReady(t, "obey")
	s.invoke("id-1", []byte("sleep 600ms"), nil)
	time.Sleep(50 * time.Millisecond)
	_ = s.conn.Close()
	s = a.gateway.session()
	if s.hello["state"] != "busy" || s.hello["requestId"] != "id-1" || s.hello["remainingMs"].(float64) < 1000 {
		t.Errorf("got %v", s.hello)
	}
	if report := s.control(link.Idle); report["requestId"] != "id-1" {
		t.Errorf("got %v", report)
	}
	got, report := s.do("id-1", "sleep 600ms", nil)
	if string(got.body) != `"slept"` || report["requestId"] != "id-1" {
		t.Errorf("got %s %v", got.body, report)
	}
	if log := a.waitForLog("\nREPORT "); strings.Count(log, "\nSTART ") != 1 {
		t.Errorf("the event ran twice:\n%s", log)
	}
}

func TestARetryAttachesToTheRunningEvent(t *testing.T) {
	a, s := startReady(t, "obey")
	s.invoke("id-1", []byte("sleep 600ms"), nil)
	time.Sleep(50 * time.Millisecond)
	_ = s.conn.Close()
	s = a.gateway.session()
	got, _ := s.do("id-1", "sleep 600ms", nil)
	if string(got.body) != `"slept"` {
		t.Errorf("got %s", got.body)
	}
	got, _ = s.do("id-2", "echo next", nil)
	if log := a.waitForLog("REPORT RequestId: id-2"); strings.Count(log, "\nSTART ") != 2 {
		t.Errorf("the event ran twice:\n%s", log)
	}
	if string(got.body) != "next" {
		t.Errorf("got %s", got.body)
	}
}

func TestAnIdleAgentSaysWhoseResultItKeeps(t *testing.T) {
	a, s := startReady(t, "obey")
	s.do("id-1", "echo kept", nil)
	_ = s.conn.Close()
	s = a.gateway.session()
	if s.hello["state"] != "idle" || s.hello["requestId"] != "id-1" {
		t.Errorf("got %v", s.hello)
	}
	if got, _ := s.do("id-1", "echo again", nil); string(got.body) != "kept" {
		t.Errorf("got %s", got.body)
	}
}

func TestALargeResultIsKeptUntilTheGatewayHasIt(t *testing.T) {
	a, s := startReady(t, "obey")
	s.invoke("id-1", []byte("size 1000000"), nil)
	for { // read the frames, but answer no ping
		frame, _ := <-s.frames
		if frame.Type == link.ResponseBody {
			_, _ = s.conn.Write(link.AppendCredit(nil, len(frame.Payload)))
		}
		if frame.Type == link.Idle {
			break
		}
	}
	_ = s.conn.Close()
	s = a.gateway.session()
	if s.hello["requestId"] != "id-1" {
		t.Errorf("a result without a sign of arrival was dropped: %v", s.hello)
	}
	s.do("id-2", "size 1000000", nil)
	for s.answeredPings == 0 {
		s.waitFor(link.Ping)
	}
	s.sendRaw(link.Ping, nil)
	s.waitFor(link.Pong) // the agent has read the pong before it
	_ = s.conn.Close()
	if s = a.gateway.session(); s.hello["requestId"] != nil {
		t.Errorf("a result that arrived is still kept: %v", s.hello)
	}
}

func TestALinkLostDuringInitIsTakenUpAgain(t *testing.T) {
	marker := t.TempDir() + "/marker"
	a := startAgent(t, newGateway(t, testKey), "init-second", "TEST_MARKER="+marker)
	s := a.gateway.session()
	s.configure(map[string]any{"initTimeoutMs": 800})
	time.Sleep(100 * time.Millisecond)
	_ = s.conn.Close()
	s = a.gateway.session()
	if s.hello["state"] != "starting" {
		t.Errorf("got %v", s.hello)
	}
	s.control(link.InitError)
	if got, _ := s.do("id-1", "echo up", nil); string(got.body) != "up" {
		t.Errorf("got %s", got.body)
	}
}

func TestASecondConfigureIsAProtocolError(t *testing.T) {
	_, s := startReady(t, "obey")
	s.configure(nil)
	s.closed()
}

func TestGoawayFinishesTheEventHereAndDialsAgain(t *testing.T) {
	a, s := startReady(t, "obey")
	s.invoke("id-1", []byte("sleep 200ms"), nil)
	s.send(link.Goaway, map[string]any{})
	if got := s.response(); string(got.body) != `"slept"` {
		t.Errorf("got %s", got.body)
	}
	s.control(link.Idle)
	s.closed()
	again := a.gateway.session()
	again.send(link.Goaway, map[string]any{})
	again.closed()
	a.gateway.session()
}

func TestGoawayWithAnAddressLeadsThereAtOnce(t *testing.T) {
	a, s := startReady(t, "obey")
	successor := newGateway(t, a.gateway.key)
	successor.start()
	s.send(link.Goaway, map[string]any{"address": successor.address()})
	s.closed()
	moved := successor.session()
	if moved.hello["state"] != "idle" {
		t.Errorf("it came as %q", moved.hello["state"])
	}
	moved.send(link.Goaway, map[string]any{"address": a.gateway.address()})
	moved.closed()
	a.gateway.session()
}

func TestDrainEndsTheAgentAfterTheEvent(t *testing.T) {
	a, s := startReady(t, "obey")
	s.invoke("id-1", []byte("sleep 200ms"), nil)
	s.send(link.Drain, map[string]any{})
	s.response()
	s.control(link.Idle)
	s.closed()
	a.expectExit(0)
}

func TestShutdownEndsTheAgentAtOnce(t *testing.T) {
	a, s := startReady(t, "obey")
	s.do("id-1", "shell trap '' TERM; sleep 60", nil)
	begin := time.Now()
	s.send(link.Shutdown, map[string]any{"reason": "spindown"})
	s.closed()
	a.expectExit(0)
	between(t, "the end", time.Since(begin), 0)
}

func TestSIGTERMFinishesTheEventAndSaysSo(t *testing.T) {
	a, s := startReady(t, "obey")
	s.invoke("id-1", []byte("sleep 300ms"), nil)
	time.Sleep(50 * time.Millisecond)
	a.signal(syscall.SIGTERM)
	s.control(link.Leaving)
	if got := s.response(); string(got.body) != `"slept"` {
		t.Errorf("got %s", got.body)
	}
	s.control(link.Idle)
	s.closed()
	a.expectExit(0)
}

func TestSIGTERMWhileIdleServesAnEventThatIsOnItsWay(t *testing.T) {
	a, s := startReady(t, "obey")
	a.signal(syscall.SIGTERM)
	s.control(link.Leaving)
	s.invoke("id-1", []byte("sleep 100ms"), nil)
	s.send(link.Drain, map[string]any{})
	if got := s.response(); string(got.body) != `"slept"` {
		t.Errorf("got %s", got.body)
	}
	s.control(link.Idle)
	s.closed()
	a.expectExit(0)
}

func TestSIGTERMWithoutAnAnswerEndsTheAgentSoon(t *testing.T) {
	a, s := startReady(t, "obey")
	begin := time.Now()
	a.signal(syscall.SIGTERM)
	s.control(link.Leaving)
	s.closed()
	a.expectExit(0)
	if took := time.Since(begin); took < time.Second || took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAGatewayThatComesLateIsFound(t *testing.T) {
	g := newGateway(t, testKey)
	address := g.address()
	_ = g.listener.Close()
	a := startAgent(t, g, "obey")
	time.Sleep(400 * time.Millisecond)
	a.gateway = newGatewayAt(t, testKey, address)
	a.gateway.session()
}

func TestAServerThatIsNoGatewayIsLeftAlone(t *testing.T) {
	g := newGateway(t, testKey)
	var dials atomic.Int32
	g.greeting = func() string {
		if dials.Add(1) == 1 {
			return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
		}
		return greeting
	}
	startAgent(t, g, "obey")
	g.session()
}

func TestPingsAreAnsweredAlsoWhileFrozen(t *testing.T) {
	a, s := startReady(t, "obey", "KUBELAMBDA_IDLE_FREEZE_MS=0")
	a.waitForState(a.runtimePID(s), "T")
	s.sendRaw(link.Ping, nil)
	select {
	case frame := <-s.frames:
		if frame.Type != link.Pong {
			t.Errorf("got 0x%02x", uint8(frame.Type))
		}
	case <-time.After(30 * time.Second):
		t.Error("no pong")
	}
}
