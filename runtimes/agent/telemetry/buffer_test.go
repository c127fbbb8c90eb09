package telemetry

import (
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestABatchIsDueWhenItsTimeIsOver(t *testing.T) {
	b := buffer{limits: Buffering{10, 1_000, time.Second}}
	if due, _ := b.due(start); due {
		t.Error("an empty buffer is due")
	}
	b.add([]byte("one"), start)
	b.add([]byte("two"), start.Add(900*time.Millisecond))
	if due, wait := b.due(start.Add(900 * time.Millisecond)); due || wait != 100*time.Millisecond {
		t.Errorf("got %v, %v", due, wait)
	}
	if due, _ := b.due(start.Add(time.Second)); !due {
		t.Error("the time counts from the first item")
	}
	if items, lost := b.take(); len(items) != 2 || lost.records != 0 || !b.empty() {
		t.Errorf("got %q, %+v", items, lost)
	}
}

func TestABatchIsDueAtMaxItems(t *testing.T) {
	b := buffer{limits: Buffering{3, 1_000, time.Hour}}
	for number := range 3 {
		if due, _ := b.due(start); due {
			t.Errorf("due with %d items", number)
		}
		b.add([]byte("x"), start)
	}
	if due, _ := b.due(start); !due {
		t.Error("not due with 3")
	}
}

func TestABatchIsDueAtMaxBytes(t *testing.T) {
	b := buffer{limits: Buffering{1_000, 10, time.Hour}}
	b.add([]byte("123456"), start)
	if due, _ := b.due(start); due {
		t.Error("due with 6 bytes")
	}
	b.add([]byte("7890"), start)
	if due, _ := b.due(start); !due {
		t.Error("not due with 10")
	}
}

func TestWhatDoesNotFitIsCounted(t *testing.T) {
	b := buffer{limits: Buffering{2, 1_000, time.Hour}}
	for range 5 {
		b.add([]byte("four"), start)
	}
	items, lost := b.take()
	if len(items) != 2 || lost.records != 3 || lost.bytes != 12 {
		t.Errorf("got %d items, %+v", len(items), lost)
	}
	if _, lost = b.take(); lost.records != 0 {
		t.Errorf("counted twice: %+v", lost)
	}
	wanted := `{"time":"2026-01-01T00:00:00.000Z","type":"platform.logsDropped","record":{"reason":"Consumer seems to ` +
		`have fallen behind as it has not acknowledged receipt of logs.","droppedRecords":3,"droppedBytes":12}}`
	if got := (dropped{3, 12}).encode(start); string(got) != wanted {
		t.Errorf("got %s", got)
	}
}
