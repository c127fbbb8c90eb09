package remote

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Resolver gives a name's addresses; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// dialer connects to nothing but addresses that it has checked itself: no second look-up can give others.
type dialer struct {
	policy   policy
	resolver Resolver
	timeout  time.Duration
	silence  time.Duration
}

// dial is http.Transport's DialContext.
func (d dialer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	trusted := d.policy.trust(host, port)
	addresses, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, one := range addresses {
		if err := d.policy.check(host, one, trusted); err != nil {
			return nil, err
		}
	}
	var failed error
	for _, one := range addresses {
		conn, err := d.connect(ctx, net.JoinHostPort(one.String(), port), trusted)
		if err == nil {
			return patientConn{conn, d.silence}, nil
		}
		failed = err
	}
	return nil, failed
}

func (d dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(normalize(host)); err == nil {
		return []netip.Addr{address}, nil
	}
	found, err := d.resolver.LookupNetIP(ctx, "ip", host)
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		return nil, refuse("there is no host %s", host)
	}
	if err != nil || len(found) == 0 {
		return nil, again("the name %s cannot be resolved", host)
	}
	addresses := make([]netip.Addr, len(found))
	for number, one := range found {
		addresses[number] = one.Unmap()
	}
	return addresses, nil
}

// connect checks the address once more, in the moment in which the system is asked for it.
func (d dialer) connect(ctx context.Context, address string, trusted trust) (net.Conn, error) {
	control := func(_, actual string, _ syscall.RawConn) error {
		parsed, err := netip.ParseAddrPort(actual)
		if err != nil {
			return err
		}
		return d.policy.check(parsed.Addr().String(), parsed.Addr(), trusted)
	}
	plain := net.Dialer{Timeout: d.timeout, KeepAlive: -1, Control: control}
	conn, err := plain.DialContext(ctx, "tcp", address)
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		return nil, again("%s cannot be reached: %v", address, reasonOf(err))
	}
	return conn, err
}

// patientConn gives every read its own time.
type patientConn struct {
	net.Conn
	silence time.Duration
}

func (p patientConn) Read(buffer []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(p.silence))
	return p.Conn.Read(buffer)
}

// reasonOf gives the system's word for why, without addresses.
func reasonOf(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return errors.New("it does not answer")
	}
	return err
}
