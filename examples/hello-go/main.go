// Hello greets whoever the event names.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Name string `json:"name"`
}

type answer struct {
	Message string `json:"message"`
}

func greet(_ context.Context, asked event) (answer, error) {
	if asked.Name == "" {
		asked.Name = "world"
	}
	fmt.Println("greeting", asked.Name)
	return answer{fmt.Sprintf("%s, %s!", os.Getenv("GREETING"), asked.Name)}, nil
}

func main() {
	lambda.Start(greet)
}
