// The handler of the row go; built with -X main.fails=yes one whose init fails.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Ask     string   `json:"ask"`
	Value   any      `json:"value"`
	Names   []string `json:"names"`
	Seconds int      `json:"seconds"`
	Length  int      `json:"length"`
	Text    string   `json:"text"`
	Gate    string   `json:"gate"`
}

// Refused is the error that "raise" returns.
type Refused struct{}

func (*Refused) Error() string { return "no" }

var (
	fails string
	count int
)

func handle(ctx context.Context, asked event) (any, error) {
	count++
	known, _ := lambdacontext.FromContext(ctx)
	switch asked.Ask {
	case "echo":
		return asked.Value, nil
	case "environment":
		return environment(asked.Names), nil
	case "context":
		return describe(ctx, known), nil
	case "client":
		if known.ClientContext.Custom == nil {
			return nil, nil
		}
		return known.ClientContext.Custom, nil
	case "raise":
		return nil, &Refused{}
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Duration(asked.Seconds) * time.Second)
	case "text":
		return strings.Repeat("z", asked.Length), nil
	case "measure":
		return len(asked.Text), nil
	case "log":
		fmt.Println("line one")
		fmt.Println("line two")
	case "print":
		fmt.Println(asked.Text)
	case "stream":
		return stream(asked.Gate), nil
	case "count":
		return count, nil
	}
	return nil, nil
}

func stream(gate string) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write([]byte("first "))
		passed, err := http.Get(gate)
		if err == nil {
			_ = passed.Body.Close()
			_, _ = writer.Write([]byte("second"))
		}
		_ = writer.CloseWithError(err)
	}()
	return reader
}

func environment(names []string) map[string]*string {
	found := map[string]*string{}
	for _, name := range names {
		if value, set := os.LookupEnv(name); set {
			found[name] = &value
		}
	}
	return found
}

func describe(ctx context.Context, known *lambdacontext.LambdaContext) map[string]any {
	deadline, _ := ctx.Deadline()
	remaining := time.Until(deadline).Milliseconds()
	time.Sleep(20 * time.Millisecond)
	return map[string]any{
		"name":      lambdacontext.FunctionName,
		"version":   lambdacontext.FunctionVersion,
		"memory":    fmt.Sprint(lambdacontext.MemoryLimitInMB),
		"request":   known.AwsRequestID,
		"arn":       known.InvokedFunctionArn,
		"group":     lambdacontext.LogGroupName,
		"stream":    lambdacontext.LogStreamName,
		"remaining": remaining,
		"later":     time.Until(deadline).Milliseconds(),
	}
}

func main() {
	if fails != "" {
		panic("not today")
	}
	lambda.Start(handle)
}
