package main

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// quantiles sums up latencies, in microseconds.
type quantiles struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func summarize(times []time.Duration) quantiles {
	if len(times) == 0 {
		return quantiles{}
	}
	slices.Sort(times)
	sum := time.Duration(0)
	for _, one := range times {
		sum += one
	}
	at := func(percent int) float64 { return micros(times[len(times)*percent/100]) }
	return quantiles{
		Count: len(times),
		Mean:  micros(sum) / float64(len(times)),
		P50:   at(50),
		P90:   at(90),
		P99:   at(99),
		Max:   micros(times[len(times)-1]),
	}
}

func micros(one time.Duration) float64 { return float64(one.Nanoseconds()) / 1000 }

// result is what one run of load found.
type result struct {
	Seconds float64 `json:"seconds"`
	// ByStatus has an entry "error" for connections that broke.
	ByStatus map[string]quantiles `json:"by_status"`
	// Late is by how much requests went out after their moment: the generator's own delay.
	Late quantiles `json:"late"`
}

// record collects latencies from many goroutines.
type record struct {
	mutex  sync.Mutex
	times  map[string][]time.Duration
	late   []time.Duration
	opened time.Time
}

func newRecord() *record {
	return &record{times: map[string][]time.Duration{}, opened: time.Now()}
}

func (r *record) add(status int, took time.Duration) {
	name := "error"
	if status > 0 {
		name = strconv.Itoa(status)
	}
	r.mutex.Lock()
	r.times[name] = append(r.times[name], took)
	r.mutex.Unlock()
}

func (r *record) result(end time.Time) result {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := result{end.Sub(r.opened).Seconds(), map[string]quantiles{}, summarize(r.late)}
	for status, times := range r.times {
		found.ByStatus[status] = summarize(times)
	}
	return found
}
