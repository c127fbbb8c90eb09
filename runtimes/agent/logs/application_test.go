package logs

import (
	"fmt"
	"strings"
	"testing"
)

const stamp = `"timestamp":"2024-11-02T16:51:31.587199Z"`

func TestARecordIsLeftOutBelowTheApplicationLevelByTheLevelItNames(t *testing.T) {
	names := []string{"trace", "DEBUG", "Info", "warn", "ERROR", "fatal"}
	for lowest, level := range []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"} {
		keeps := NewApplicationFilter("JSON", level)
		for number, name := range names {
			line := fmt.Sprintf(`{"level":%q,%s}`, name, stamp)
			if wanted := number >= lowest; keeps != nil && keeps([]byte(line)) != wanted || keeps == nil && !wanted {
				t.Errorf("%s at %s: not %v", name, level, wanted)
			}
		}
	}
}

func TestARecordWithoutAValidLevelOrTimeIsInfo(t *testing.T) {
	for _, line := range []string{
		`{"msg":"none"}`, `{"level":30,` + stamp + `}`, `{"level":"loud",` + stamp + `}`,
		`{"level":"error"}`, `{"level":"error","timestamp":"yesterday"}`, `{"level":"debug","ts":1711}`,
	} {
		if !NewApplicationFilter("JSON", "INFO")([]byte(line)) {
			t.Errorf("%s is left out at INFO", line)
		}
		if NewApplicationFilter("JSON", "WARN")([]byte(line)) {
			t.Errorf("%s is kept at WARN", line)
		}
	}
}

func TestLoggersOtherNamesCountAsTheLevelsTheyMean(t *testing.T) {
	keeps := NewApplicationFilter("JSON", "WARN")
	for line, wanted := range map[string]bool{
		`{"level":"WARNING","time":"2024-11-02T16:51:31+01:00"}`:          true,
		`{"level":"CRITICAL","@timestamp":"2024-11-02T16:51:31.123456Z"}`: true,
		` {"level":"debug","time":"2024-11-02T16:51:31Z"} `:               false,
	} {
		if keeps([]byte(line)) != wanted {
			t.Errorf("%s: not %v", line, wanted)
		}
	}
}

func TestWhatIsNoJSONObjectIsNeverLeftOut(t *testing.T) {
	keeps := NewApplicationFilter("JSON", "FATAL")
	for _, line := range []string{"", "panic: no", "{broken", `["level"]`, `"text"`, "7", strings.Repeat("x", 9000)} {
		if !keeps([]byte(line)) {
			t.Errorf("%q is left out", line)
		}
	}
}

func TestATextLogHasEveryLine(t *testing.T) {
	if NewApplicationFilter("Text", "FATAL") != nil || NewApplicationFilter("JSON", "") != nil {
		t.Error("there is a filter")
	}
}
