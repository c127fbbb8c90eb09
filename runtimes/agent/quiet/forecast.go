package quiet

import "time"

// doubtMin and doubtMax are how many short waits in a row it takes until the next is taken to be short, at
// first and after many that were forecast wrong; so many times as many make that forgotten.
const (
	doubtMin    = 2
	doubtMax    = 1024
	forgetAfter = 8
)

// Forecast says whether the next wait of a kind will be shorter than WaitMax: if those before it were. The
// zero value has seen none.
type Forecast struct {
	// doubt is how many short waits in a row it takes after a long one; inARow is how many there were.
	doubt, inARow int
}

// IsShort says whether the next wait is likely to be short.
func (f *Forecast) IsShort() bool { return f.inARow >= max(f.doubt, doubtMin) }

// Learn takes how long a wait was. A long one that was taken to be short makes the forecast more careful.
func (f *Forecast) Learn(took time.Duration) {
	if took < WaitMax {
		f.inARow++
		if f.inARow > forgetAfter*f.doubt {
			f.doubt = 0
		}
		return
	}
	if f.IsShort() {
		f.doubt = min(max(2*f.doubt, doubtMin), doubtMax)
	}
	f.inARow = 0
}
