// Shape: a scheduled event, structured logs, no answer.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

var logger *slog.Logger

func init() {
	plain := func(_ []string, attribute slog.Attr) slog.Attr {
		if attribute.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return attribute
	}
	logger = slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: plain}))
}

func handle(ctx context.Context, event events.CloudWatchEvent) error {
	known, _ := lambdacontext.FromContext(ctx)
	logger.Info("report", "for", event.Time.Add(time.Hour).Format(time.DateOnly),
		"rule", event.Resources[0], "request", known.AwsRequestID)
	return nil
}

func main() {
	lambda.Start(handle)
}
