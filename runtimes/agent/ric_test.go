package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubelambda.io/agent/link"
)

const ricHandler = `
import os, time
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no")
    print("hello from", context.function_name)
    return {"event": event, "remaining": context.get_remaining_time_in_millis() > 0,
            "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn}
`

// ricPython finds the interpreter of the project's environment, which has awslambdaric.
func ricPython(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../.venv/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal("no .venv: make venv makes it")
	}
	return path
}

func ricArguments(t testing.TB) string {
	t.Helper()
	argv, _ := json.Marshal([]string{ricPython(t), "-m", "awslambdaric", "app.handler"})
	return "KUBELAMBDA_BOOTSTRAP=" + string(argv)
}

func ricConfiguration(source string) map[string]any {
	return map[string]any{
		"code": map[string]any{"inline": map[string]string{"app.py": source}},
		"environment": map[string]string{
			"AWS_LAMBDA_FUNCTION_NAME": "hello", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
			"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "_HANDLER": "app.handler",
			"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello", "AWS_REGION": "us-east-1",
		},
	}
}

func TestTheRealPythonClientIsServed(t *testing.T) {
	a := startAgent(t, newGateway(t, testKey), "", ricArguments(t))
	s := a.gateway.session()
	s.configure(ricConfiguration(ricHandler))
	s.control(link.InitDone)
	s.invoke("id-1", []byte(`{"a":1}`), nil)
	got := s.response()
	if !strings.Contains(string(got.body), `"event": {"a": 1}`) ||
		!strings.Contains(string(got.body), `"memory": "128"`) {
		t.Fatalf("got %s", got.body)
	}
	s.control(link.Idle)
	s.invoke("id-2", []byte(`{"fail":true}`), nil)
	got = s.response()
	if got.head["functionError"] != true || !strings.Contains(string(got.body), `"errorType": "ValueError"`) {
		t.Fatalf("got %v %s", got.head, got.body)
	}
	s.control(link.Idle)
	a.waitForLog("hello from hello\nEND RequestId: id-1\n")
}
