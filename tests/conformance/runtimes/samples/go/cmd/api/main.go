// Shape: the proxy integration of API Gateway, typed on both sides; an error, and a panic.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type order struct {
	Count int `json:"count"`
}

func handle(_ context.Context, asked events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	fmt.Println(asked.HTTPMethod, asked.Path, asked.RequestContext.Authorizer["tier"])
	switch asked.Path {
	case "/orders":
	case "/panic":
		var none *order
		none.Count++
	default:
		return events.APIGatewayProxyResponse{}, fmt.Errorf("no %s for %s", asked.Path, asked.RequestContext.Stage)
	}
	var wanted order
	if err := json.Unmarshal([]byte(asked.Body), &wanted); err != nil {
		return events.APIGatewayProxyResponse{}, fmt.Errorf("body: %w", err)
	}
	wanted.Count++
	body, err := json.Marshal(wanted)
	return events.APIGatewayProxyResponse{
		StatusCode:        http.StatusCreated,
		Headers:           map[string]string{"Content-Type": "application/json"},
		MultiValueHeaders: map[string][]string{"X-Name": asked.MultiValueQueryStringParameters["name"]},
		Body:              string(body),
	}, err
}

func main() {
	lambda.Start(handle)
}
