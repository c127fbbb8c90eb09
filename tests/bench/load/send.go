package main

import (
	"bufio"
	"flag"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"
)

// openConnections are made ahead for an open loop; it makes more where all of them are busy.
const openConnections = 8

type headerList []string

func (h *headerList) String() string         { return "" }
func (h *headerList) Set(value string) error { *h = append(*h, value); return nil }

// runSend offers load to one URL: an open loop with -rate, else a closed one over -connections. Once its
// connections are made and have served a request each it prints "ready"; it begins when it is sent a line.
func runSend(arguments []string) error {
	flags := flag.NewFlagSet("send", flag.ExitOnError)
	to := flags.String("url", "", "where to POST")
	rate := flags.Float64("rate", 0, "requests a second; 0 for a closed loop")
	connections := flags.Int("connections", 16, "connections of a closed loop")
	seconds := flags.Float64("seconds", 1, "for how long")
	count := flags.Int("count", 0, "of a closed loop: this many requests on each connection, however long it takes")
	body := flags.String("body", "{}", "each request's body")
	var headers headerList
	flags.Var(&headers, "header", "one more header; may be given several times")
	_ = flags.Parse(arguments)
	target, err := url.Parse(*to)
	if err != nil {
		return err
	}
	s := &sender{target: target, request: buildRequest(target, []byte(*body), headers)}
	length := time.Duration(*seconds * float64(time.Second))
	if *rate > 0 {
		*connections = openConnections
	}
	s.record = newRecord()
	s.warm(*connections)
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	s.record = newRecord()
	if *rate > 0 {
		return printJSON(s.open(*rate, length))
	}
	return printJSON(s.closed(length, *count))
}

type sender struct {
	target  *url.URL
	request []byte
	record  *record
	mutex   sync.Mutex
	free    []*client
	flying  sync.WaitGroup
}

// warm makes connections ahead, so that a handshake is not part of a request's time.
func (s *sender) warm(count int) {
	var made []*client
	for range count {
		if one := s.dial(); one != nil {
			made = append(made, one)
		}
	}
	for _, one := range made {
		if one.send() == nil {
			if _, err := one.receive(); err == nil {
				s.free = append(s.free, one)
			}
		}
	}
}

func (s *sender) dial() *client {
	one, err := dialClient(s.target, s.request)
	if err != nil {
		s.record.add(0, 0)
		return nil
	}
	return one
}

func (s *sender) open(rate float64, length time.Duration) result {
	late := pace(rate, length, s.sendOne)
	end := time.Now()
	s.flying.Wait()
	s.record.late = late
	return s.record.result(end)
}

func (s *sender) sendOne() {
	one := s.take()
	if one == nil {
		return
	}
	s.flying.Add(1)
	if one.send() != nil {
		s.record.add(0, 0)
		_ = one.conn.Close()
		s.flying.Done()
		return
	}
	go s.receive(one)
}

func (s *sender) take() *client {
	s.mutex.Lock()
	if last := len(s.free) - 1; last >= 0 {
		one := s.free[last]
		s.free = s.free[:last]
		s.mutex.Unlock()
		return one
	}
	s.mutex.Unlock()
	return s.dial()
}

func (s *sender) receive(one *client) {
	defer s.flying.Done()
	status, err := one.receive()
	took := time.Since(one.sentAt)
	if err != nil {
		s.record.add(0, took)
		_ = one.conn.Close()
		return
	}
	s.record.add(status, took)
	s.mutex.Lock()
	s.free = append(s.free, one)
	s.mutex.Unlock()
}

func (s *sender) closed(length time.Duration, count int) result {
	end := time.Now().Add(length)
	for _, one := range s.free {
		s.flying.Add(1)
		go s.repeat(one, end, count)
	}
	s.flying.Wait()
	return s.record.result(time.Now())
}

func (s *sender) repeat(one *client, end time.Time, count int) {
	defer s.flying.Done()
	for number := 0; number < count || count == 0 && time.Now().Before(end); number++ {
		if one.send() != nil {
			s.record.add(0, 0)
			return
		}
		status, err := one.receive()
		if err != nil {
			s.record.add(0, time.Since(one.sentAt))
			return
		}
		s.record.add(status, time.Since(one.sentAt))
	}
}
