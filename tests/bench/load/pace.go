package main

import "time"

// pace calls send at even moments for so long: an open loop, which never waits for an answer. It gives
// by how much each call was late.
func pace(perSecond float64, length time.Duration, send func()) []time.Duration {
	gap := time.Duration(float64(time.Second) / perSecond)
	count := int(length / gap)
	late := make([]time.Duration, 0, count)
	begin := time.Now()
	for number := range count {
		due := begin.Add(time.Duration(number) * gap)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		late = append(late, time.Since(due))
		send()
	}
	return late
}
