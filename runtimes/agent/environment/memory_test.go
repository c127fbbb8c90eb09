package environment

import (
	"testing"
	"time"
)

func TestMemoryIsLookedAtLessOftenWhileItDoesNotGrow(t *testing.T) {
	var record memoryRecord
	now := time.Unix(0, 0)
	looks := 0
	pass := func(duration time.Duration, bytes int64) {
		for end := now.Add(duration); now.Before(end); now = now.Add(time.Millisecond) {
			if record.due(now, time.Millisecond) {
				looks++
				record.note(now, bytes)
			}
		}
	}
	pass(10*time.Second, 30<<20)
	if looks > 15 {
		t.Errorf("%d looks in 10 s", looks)
	}
	looks = 0
	pass(memorySeldom, 60<<20)
	if record.maxMB() != 60 {
		t.Errorf("%d MB are known a second after they were used", record.maxMB())
	}
	if record.pause != memoryEvery && looks < 2 {
		t.Errorf("the next look is %v away", record.pause)
	}
}

func TestAnEventThatTakesItsTimeIsAlwaysLookedAt(t *testing.T) {
	record := memoryRecord{lookedAt: time.Unix(0, 0), pause: memorySeldom}
	if !record.due(time.Unix(0, 1), memoryEvery) {
		t.Error("no look")
	}
}
