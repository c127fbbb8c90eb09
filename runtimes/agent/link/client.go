package link

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

const (
	backoffMin      = 100 * time.Millisecond
	backoffMax      = 5 * time.Second
	retryAfterMax   = 60 * time.Second
	redirectsInARow = 4
	reportEvery     = time.Minute
)

// Handler is the environment as the link sees it. Its methods must not block; an error from one of
// them ends the connection as a protocol error.
type Handler interface {
	// Status is asked for before each hello.
	Status() Status
	// Attached gives the connection on which everything is to be said from now on.
	Attached(conn *Conn)
	// Detached takes it back; the environment goes on.
	Detached(conn *Conn)
	// Configure comes once in the life of an agent.
	Configure(configuration Configuration) error
	// Invoke hands over one whole event.
	Invoke(event Event) error
	// Rests says that there is nothing to do until the gateway sends something.
	Rests() bool
	// Leave means: finish the event in flight and end; reason, in words, goes to the log.
	Leave(now bool, reason string)
	// Alive means that everything sent before the last Conn.Ping has arrived.
	Alive(conn *Conn)
	// Abandon means: finish the event in flight here, then dial again.
	Abandon(conn *Conn)
}

// Client keeps one connection to whichever gateway owns the function.
type Client struct {
	Address  string
	Identity Identity
	Key      []byte
	Handler  Handler
	Log      func(format string, arguments ...any)

	epoch      int64
	epochProof string
	reported   string
	reportedAt time.Time
}

// Run dials until ctx ends: the Service first, the owner's address after a redirect or a goaway that
// names one.
func (c *Client) Run(ctx context.Context) {
	address, redirects, wait := c.Address, 0, backoffMin
	for ctx.Err() == nil {
		welcomed, err := c.serve(ctx, address)
		if welcomed {
			redirects, wait = 0, backoffMin
		}
		var elsewhere redirected
		if errors.As(err, &elsewhere) && redirects < redirectsInARow {
			address, redirects = elsewhere.address, redirects+1
			continue
		}
		address, redirects = c.Address, 0
		c.report(ctx, err)
		sleep(ctx, max(jitter(wait), retryAfter(err)))
		wait = min(2*wait, backoffMax)
	}
}

// report tells why the link is down, but not over and over: it stands among the function's own log.
func (c *Client) report(ctx context.Context, err error) {
	text, now := err.Error(), time.Now()
	repeated := text == c.reported && now.Sub(c.reportedAt) < reportEvery
	if ctx.Err() != nil || errors.Is(err, net.ErrClosed) || repeated {
		return
	}
	c.reported, c.reportedAt = text, now
	c.Log("link: %s; dialling again", text)
}

// serve lives through one connection; welcomed says whether it came to work.
func (c *Client) serve(ctx context.Context, address string) (welcomed bool, err error) {
	conn, err := c.open(ctx, address)
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, conn.Finish)
	defer stop()
	go conn.out.run()
	go conn.pingWhileQuiet()
	c.Handler.Attached(conn)
	incoming := incoming{conn: conn, handler: c.Handler}
	err = incoming.run()
	close(conn.done)
	conn.Close()
	c.Handler.Detached(conn)
	c.acceptEpoch(incoming.successor.Epoch, incoming.successor.EpochProof)
	if incoming.successor.Address != "" {
		err = redirected{incoming.successor.Address}
	}
	return true, err
}

func retryAfter(err error) time.Duration {
	var no refused
	if errors.As(err, &no) {
		return min(no.retryAfter, retryAfterMax)
	}
	return 0
}

func jitter(wait time.Duration) time.Duration {
	return wait/2 + rand.N(wait/2+1)
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
