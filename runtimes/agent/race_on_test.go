//go:build race

package main

// raceDetector tells whether this binary, and so each process of a test, carries Go's race detector.
const raceDetector = true
