// Package remote fetches a package of code from an address that a tenant has chosen.
//
// Contract: F19. https only, no redirect to another host, no address but a public one after
// resolving, and the address that was checked is the one that is dialled; hosts that the installation
// allows may be private and plain http. A limit of bytes and of time. What a URL gives is what its
// SHA-256 names, or it is an error. Errors are words for the function's owner: they name hosts, never
// credentials, paths or queries, which may hold signatures. Only kubelambda-fetch imports this: it costs
// more memory than all of the agent.
package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"kubelambda.io/agent/fetch"
)

const orderBytesMax = 1 << 20

// Error is why a package was not fetched.
type Error struct {
	message string
	passing bool
}

func (e *Error) Error() string { return e.message }

// refuse makes an error that no second try mends, again one that it may.
func refuse(format string, arguments ...any) error {
	return &Error{message: fmt.Sprintf(format, arguments...)}
}

func again(format string, arguments ...any) error {
	return &Error{message: fmt.Sprintf(format, arguments...), passing: true}
}

// Serve carries out the one order on input and answers with one line on output.
func Serve(input io.Reader, output io.Writer, file *os.File) {
	var order fetch.Order
	var result fetch.Result
	if err := json.NewDecoder(io.LimitReader(input, orderBytesMax)).Decode(&order); err != nil {
		result.Error = "the order to fetch cannot be read"
	} else {
		fetcher := Fetcher{Limits: DefaultLimits, Resolver: net.DefaultResolver, Now: time.Now}
		result = fetcher.carryOut(context.Background(), order, file)
	}
	_ = json.NewEncoder(output).Encode(result)
}

func (f Fetcher) carryOut(ctx context.Context, order fetch.Order, file *os.File) fetch.Result {
	sha256, bytes, err := f.Fetch(ctx, order, file)
	if err != nil {
		return fetch.Result{Error: err.Error()}
	}
	return fetch.Result{SHA256: sha256, Bytes: bytes}
}
