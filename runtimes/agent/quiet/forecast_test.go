package quiet

import (
	"testing"
	"time"
)

const (
	short = time.Millisecond
	long  = time.Second
)

func learn(f *Forecast, waits ...time.Duration) {
	for _, took := range waits {
		f.Learn(took)
	}
}

func TestAWaitIsShortWhereThoseBeforeItWere(t *testing.T) {
	var f Forecast
	if f.IsShort() {
		t.Error("short before any was seen")
	}
	learn(&f, short, short)
	if !f.IsShort() {
		t.Error("long after two short ones")
	}
	learn(&f, long)
	if f.IsShort() {
		t.Error("short right after a long one")
	}
}

func TestEachWrongForecastMakesTheNextMoreCareful(t *testing.T) {
	var f Forecast
	asked := 0
	for range 10 { // a wait of each ten is long
		for range 9 {
			if f.IsShort() {
				asked++
			}
			learn(&f, short)
		}
		learn(&f, long)
	}
	if asked > 20 {
		t.Errorf("%d waits of 90 were taken to be short", asked)
	}
}

func TestLongWaitsThatNobodyCountedOnDoNotMakeItMoreCareful(t *testing.T) {
	var f Forecast
	learn(&f, long, long, long, long, long, long, short, short)
	if !f.IsShort() {
		t.Error("long after two short ones")
	}
}
