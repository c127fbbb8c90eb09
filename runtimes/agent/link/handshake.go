package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"kubelambda.io/agent/quiet"
)

// redirected says that another gateway owns this function.
type redirected struct{ address string }

func (r redirected) Error() string { return "redirected to " + r.address }

// refused says that this gateway does not take us now.
type refused struct {
	reason     string
	retryAfter time.Duration
}

func (r refused) Error() string { return "refused: " + r.reason }

var errStaleEpoch = errors.New("the gateway's epoch is older than one already seen")

// open dials address and authenticates both ways; the Conn it gives has been welcomed.
func (c *Client) open(ctx context.Context, address string) (*Conn, error) {
	raw, buffered, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	conn, err := c.authenticate(raw, buffered)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	_ = raw.SetDeadline(time.Time{})
	raw.AllowWaits()
	conn.reader.Authenticated = true
	return conn, nil
}

func (c *Client) authenticate(raw *quiet.Conn, buffered *bufio.Reader) (*Conn, error) {
	conn := newConn(raw, buffered)
	var challenge challengeMessage
	if err := conn.expect(Challenge, &challenge); err != nil {
		return nil, err
	}
	if challenge.Version != 1 || len(challenge.Nonce) < 2*nonceBytes {
		return nil, broken("challenge of version %d", challenge.Version)
	}
	nonce := newNonce()
	hello := controlFrame(Hello, helloMessage{
		Version:  1,
		Identity: c.Identity,
		Nonce:    nonce,
		Proof:    AgentProof(c.Key, challenge.Nonce, nonce, c.Identity.UID, c.Identity.Pod),
		Status:   c.Handler.Status(),
		Epoch:    c.epoch,

		EpochProof: c.epochProof,
	})
	if _, err := raw.Write(hello.header); err != nil {
		return nil, err
	}
	return conn, c.readVerdict(conn, challenge.Nonce, nonce)
}

func (c *Client) readVerdict(conn *Conn, gatewayNonce, agentNonce string) error {
	frame, err := conn.reader.Next()
	if err != nil {
		return err
	}
	switch frame.Type {
	case Refuse:
		var message refuseMessage
		_ = DecodeControl(frame.Payload, &message) // closing is all it can cause
		return refused{cut(message.Reason), time.Duration(message.RetryAfterMs) * time.Millisecond}
	case Welcome, Redirect:
		return c.readAnswer(frame, gatewayNonce, agentNonce)
	}
	return broken("frame 0x%02x in place of welcome", uint8(frame.Type))
}

func (c *Client) readAnswer(frame Frame, gatewayNonce, agentNonce string) error {
	var message answerMessage
	if err := DecodeControl(frame.Payload, &message); err != nil {
		return err
	}
	wanted := GatewayProof(c.Key, gatewayNonce, agentNonce, c.Identity.UID, c.Identity.Pod)
	if !sameProof(wanted, message.Proof) {
		return fmt.Errorf("%w: the gateway does not hold this function's key", ErrProtocol)
	}
	if message.Epoch < c.epoch {
		return errStaleEpoch
	}
	c.acceptEpoch(message.Epoch, message.EpochProof)
	if frame.Type == Redirect {
		return redirected{message.Address}
	}
	return nil
}

// acceptEpoch keeps the highest epoch with the proof that came with it.
func (c *Client) acceptEpoch(epoch int64, proof string) {
	if epoch > c.epoch || (epoch == c.epoch && c.epochProof == "") {
		c.epoch, c.epochProof = epoch, cut(proof)
	}
}

func (c *Conn) expect(kind Type, message any) error {
	frame, err := c.reader.Next()
	if err != nil {
		return err
	}
	if frame.Type != kind {
		return broken("frame 0x%02x in place of 0x%02x", uint8(frame.Type), uint8(kind))
	}
	return DecodeControl(frame.Payload, message)
}
