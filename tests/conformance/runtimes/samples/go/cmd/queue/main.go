// Shape: SQS events, init, the context of the invocation, a partial batch response, errors of a type.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

var inits int

type order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

// EmptyBatch is what a handler refuses.
type EmptyBatch struct{ Function string }

func (e EmptyBatch) Error() string { return "nothing for " + e.Function }

var errNoCount = errors.New("no count")

func init() {
	inits++
	log.SetFlags(0)
	log.SetPrefix("queue: ")
}

func handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	var answer events.SQSEventResponse
	known, found := lambdacontext.FromContext(ctx)
	deadline, limited := ctx.Deadline()
	if !found || !limited || time.Until(deadline) > 20*time.Second || inits != 1 {
		return answer, errors.New("no context of Lambda's")
	}
	if len(batch.Records) == 0 {
		return answer, &EmptyBatch{lambdacontext.FunctionName}
	}
	log.Printf("request %s of %s", known.AwsRequestID, known.InvokedFunctionArn)
	fmt.Fprintf(os.Stdout, "%d MB, %s\n", lambdacontext.MemoryLimitInMB, lambdacontext.LogGroupName)
	for _, record := range batch.Records {
		if err := handleRecord(record); err != nil {
			log.Printf("%s: %v", record.MessageId, err)
			failure := events.SQSBatchItemFailure{ItemIdentifier: record.MessageId}
			answer.BatchItemFailures = append(answer.BatchItemFailures, failure)
		}
	}
	return answer, nil
}

func handleRecord(record events.SQSMessage) error {
	var wanted order
	if err := json.Unmarshal([]byte(record.Body), &wanted); err != nil {
		return err
	}
	if wanted.Count < 1 {
		return fmt.Errorf("order of %s: %w", wanted.Item, errNoCount)
	}
	priority := "none"
	if attribute := record.MessageAttributes["priority"]; attribute.StringValue != nil {
		priority = *attribute.StringValue
	}
	log.Printf("%s x%d, priority %s, digest %x", wanted.Item, wanted.Count, priority,
		record.MessageAttributes["digest"].BinaryValue)
	return nil
}

func main() {
	lambda.Start(handle)
}
