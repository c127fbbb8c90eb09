// Makes one call with the AWS SDK for Go v2 and prints what it gives: client URL REQUEST
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
)

type request struct {
	Call, Function, Payload, Type, Context, Qualifier string
	Length                                            int
	Tail                                              bool
}

func (r request) payload() []byte {
	if r.Length > 0 {
		return []byte(`"` + strings.Repeat("x", r.Length-2) + `"`)
	}
	return []byte(r.Payload)
}

func (r request) logType() types.LogType {
	if r.Tail {
		return types.LogTypeTail
	}
	return types.LogTypeNone
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func invoke(client *lambda.Client, r request) (map[string]any, error) {
	answer, err := client.Invoke(context.Background(), &lambda.InvokeInput{
		FunctionName: &r.Function, Payload: r.payload(), InvocationType: types.InvocationType(r.Type),
		LogType: r.logType(), ClientContext: optional(r.Context), Qualifier: optional(r.Qualifier),
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"status": answer.StatusCode, "functionError": aws.ToString(answer.FunctionError),
		"payload": string(answer.Payload), "tail": aws.ToString(answer.LogResult),
		"version": aws.ToString(answer.ExecutedVersion), "requestId": requestID(answer.ResultMetadata),
	}, nil
}

func requestID(metadata middleware.Metadata) string {
	id, _ := awsmiddleware.GetRequestIDMetadata(metadata)
	return id
}

func stream(client *lambda.Client, r request) (map[string]any, error) {
	answer, err := client.InvokeWithResponseStream(context.Background(), &lambda.InvokeWithResponseStreamInput{
		FunctionName: &r.Function, Payload: r.payload(), LogType: r.logType(),
		ClientContext: optional(r.Context), Qualifier: optional(r.Qualifier),
	})
	if err != nil {
		return nil, err
	}
	events := answer.GetStream()
	defer events.Close()
	found := map[string]any{
		"status": answer.StatusCode, "version": aws.ToString(answer.ExecutedVersion),
		"contentType": aws.ToString(answer.ResponseStreamContentType), "complete": false,
	}
	body, chunks := "", 0
	for event := range events.Events() {
		switch one := event.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			body += string(one.Value.Payload)
			chunks++
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			found["complete"] = true
			found["errorCode"] = aws.ToString(one.Value.ErrorCode)
			found["errorDetails"] = aws.ToString(one.Value.ErrorDetails)
			found["tail"] = aws.ToString(one.Value.LogResult)
		}
	}
	found["body"], found["chunks"] = body, chunks
	return found, events.Err()
}

// describe gives the error as a program would tell it apart: by code, and by type where it has one.
func describe(err error) map[string]any {
	found := map[string]any{"error": fmt.Sprintf("%T", err), "message": err.Error(), "modelled": false}
	var answered smithy.APIError
	if errors.As(err, &answered) {
		found["error"], found["message"] = answered.ErrorCode(), answered.ErrorMessage()
		found["fault"] = answered.ErrorFault().String()
		name := reflect.TypeOf(answered).Elem().Name()
		found["modelled"] = name == answered.ErrorCode()
	}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		found["status"] = answer.HTTPStatusCode()
	}
	var throttled *types.TooManyRequestsException
	if errors.As(err, &throttled) {
		found["reason"] = string(throttled.Reason)
		found["retryAfter"] = aws.ToString(throttled.RetryAfterSeconds)
	}
	return found
}

func main() {
	var asked request
	if err := json.Unmarshal([]byte(os.Args[2]), &asked); err != nil {
		panic(err)
	}
	client := lambda.New(lambda.Options{
		BaseEndpoint: &os.Args[1], Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	call := invoke
	if asked.Call == "stream" {
		call = stream
	}
	found, err := call(client, asked)
	if err != nil {
		found = describe(err)
	}
	text, _ := json.Marshal(found)
	fmt.Println(string(text))
}
