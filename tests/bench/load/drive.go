package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// runDrive is the other end of the link without a gateway: it hands events to real agents itself.
// After its port it reads "rate seconds" lines and answers each with a result.
func runDrive(arguments []string) error {
	var plan drivePlan
	if len(arguments) != 1 {
		return fmt.Errorf("drive wants one JSON object")
	}
	if err := json.Unmarshal([]byte(arguments[0]), &plan); err != nil {
		return err
	}
	d, err := newDriver(plan)
	if err != nil {
		return err
	}
	sayPort(d.listener)
	go d.accept()
	for range plan.Count {
		d.release(<-d.linked)
	}
	fmt.Println("ready")
	for {
		var rate, seconds float64
		if _, err := fmt.Fscan(os.Stdin, &rate, &seconds); err != nil {
			return nil
		}
		if err := printJSON(d.offer(rate, seconds)); err != nil {
			return err
		}
	}
}

// drivePlan says whom to expect and how to configure them.
type drivePlan struct {
	Key       string          `json:"key"`
	Configure json.RawMessage `json:"configure"`
	Body      string          `json:"body"`
	Count     int             `json:"count"`
}

type driver struct {
	plan     drivePlan
	key      []byte
	listener net.Listener
	linked   chan *environment
	mutex    sync.Mutex
	idle     []*environment
	waiting  []time.Time
	record   *record
	flying   sync.WaitGroup
	number   int
}

// environment is one linked agent.
type environment struct {
	driver *driver
	conn   net.Conn
	reader *bufio.Reader
	mutex  sync.Mutex
	sentAt time.Time
}

func newDriver(plan drivePlan) (*driver, error) {
	key, err := hex.DecodeString(plan.Key)
	if err != nil {
		return nil, err
	}
	listener, err := listen()
	return &driver{plan: plan, key: key, listener: listener, linked: make(chan *environment)}, err
}

func (d *driver) accept() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return
		}
		one := &environment{driver: d, conn: conn, reader: bufio.NewReaderSize(conn, 64*1024)}
		go func() {
			if err := one.serve(); err != nil && err != io.EOF {
				fmt.Fprintln(os.Stderr, "load: link:", err)
			}
			_ = conn.Close()
		}()
	}
}

func (e *environment) serve() error {
	if err := e.welcome(); err != nil {
		return err
	}
	for {
		kind, payload, err := readFrame(e.reader)
		if err != nil {
			return err
		}
		switch kind {
		case frameInitDone:
			e.driver.linked <- e
		case frameResponseEnd:
			e.driver.record.add(200, time.Since(e.sentAt))
			e.driver.flying.Done()
		case frameIdle:
			e.driver.release(e)
		case framePing:
			e.write(appendFrame(nil, framePong, nil))
		case frameLeaving:
			e.write(appendFrame(nil, frameDrain, []byte("{}")))
		case frameResponse, frameResponseBody, framePong, frameCredit:
		default:
			return fmt.Errorf("frame 0x%02x: %s", kind, payload)
		}
	}
}

func (e *environment) welcome() error {
	if err := skipHead(e.reader); err != nil {
		return err
	}
	e.write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" +
		"Upgrade: kubelambda-link/1\r\n\r\n"))
	e.write(appendControl(nil, frameChallenge, map[string]any{"version": 1, "nonce": nonce}))
	var hello struct{ UID, Pod, Nonce string }
	if err := expectFrame(e.reader, frameHello, &hello); err != nil {
		return err
	}
	proof := prove(e.driver.key, "gateway", hello.Nonce, nonce, hello.UID, hello.Pod)
	e.write(appendControl(nil, frameWelcome, map[string]any{"proof": proof, "epoch": 1}))
	e.write(appendFrame(nil, frameConfigure, e.driver.plan.Configure))
	return nil
}

func (e *environment) write(data []byte) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	_, _ = e.conn.Write(data)
}

// offer is an open loop: an event whose moment has come while all are busy waits, and its wait counts.
func (d *driver) offer(rate, seconds float64) result {
	d.record = newRecord()
	late := pace(rate, time.Duration(seconds*float64(time.Second)), func() {
		d.flying.Add(1)
		d.dispatch(time.Now())
	})
	end := time.Now()
	d.flying.Wait()
	d.record.late = late
	return d.record.result(end)
}

func (d *driver) dispatch(due time.Time) {
	d.mutex.Lock()
	last := len(d.idle) - 1
	if last < 0 {
		d.waiting = append(d.waiting, due)
		d.mutex.Unlock()
		return
	}
	one := d.idle[last]
	d.idle = d.idle[:last]
	d.number++
	number := d.number
	d.mutex.Unlock()
	one.invoke(due, number)
}

func (d *driver) release(one *environment) {
	d.mutex.Lock()
	d.idle = append(d.idle, one)
	var due time.Time
	waits := len(d.waiting) > 0
	if waits {
		due, d.waiting = d.waiting[0], d.waiting[1:]
	}
	d.mutex.Unlock()
	if waits {
		d.dispatch(due)
	}
}

func (e *environment) invoke(due time.Time, number int) {
	e.sentAt = due
	body := []byte(e.driver.plan.Body)
	out := appendControl(nil, frameInvoke, map[string]any{
		"requestId": fmt.Sprintf("direct-%d", number), "timeoutMs": 3000,
		"invokedArn": "arn:aws:lambda:us-east-1:123456789012:function:echo",
		"traceId":    "Root=1-0-0", "clientContext": "", "cognitoIdentity": "",
		"tail": false, "stream": false, "contentLength": len(body),
	})
	out = appendFrame(out, frameInvokeBody, body)
	e.write(appendFrame(out, frameInvokeEnd, []byte("{}")))
}
