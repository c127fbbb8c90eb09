package remote

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const portMax = 65535

// trust is what the installation says of a host.
type trust int

const (
	unknown        trust = iota // has to be public, by https
	allowedName                 // may be private, by plain http, but neither loopback nor link-local
	allowedAddress              // was allowed as the very address it is
)

// policy is where code may come from.
type policy struct {
	allowed map[string]trust
	private []netip.Prefix
}

// newPolicy reads what the installation allows: hosts with or without a port. Private are the blocks that
// are this cluster's own, beyond those that are nobody's.
func newPolicy(allowedHosts, private []string) (policy, error) {
	made := policy{allowed: map[string]trust{}}
	for _, text := range allowedHosts {
		host, port, err := splitAllowed(text)
		if err != nil {
			return policy{}, err
		}
		trusted := allowedName
		if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
			trusted = allowedAddress
		}
		made.allowed[host+" "+port] = trusted
	}
	for _, text := range private {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return policy{}, fmt.Errorf("the private range %q is none", text)
		}
		made.private = append(made.private, prefix)
	}
	return made, nil
}

// splitAllowed takes "host", "host:port", "address", "[address]:port".
func splitAllowed(text string) (host, port string, err error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return address.Unmap().String(), "", nil
	}
	parsed, err := url.Parse("//" + text)
	if err != nil || parsed.Host != text || parsed.Hostname() == "" {
		return "", "", fmt.Errorf("the allowed code host %q is no host or host:port", text)
	}
	return normalize(parsed.Hostname()), parsed.Port(), nil
}

// normalize gives one spelling to each host; an address that stands for an IPv4 one is that.
func normalize(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" {
		return address.Unmap().String()
	}
	return host
}

func (p policy) trust(host, port string) trust {
	host = normalize(host)
	return max(p.allowed[host+" "+port], p.allowed[host+" "])
}

// checkURL refuses a URL that code is not fetched from, as far as that shows before its host is resolved.
func (p policy) checkURL(target *url.URL) error {
	host := target.Hostname()
	switch {
	case target.Scheme != "https" && target.Scheme != "http":
		return refuse("code is fetched by https, not by %q", cut(target.Scheme))
	case host == "":
		return refuse("the URL names no host")
	case target.User != nil:
		return refuse("a URL with a user name is not fetched")
	case !isPort(target.Port()):
		return refuse("the URL's port is none")
	}
	if err := checkSpelling(host); err != nil {
		return err
	}
	trusted := p.trust(host, portOf(target))
	if target.Scheme == "http" && trusted == unknown {
		return refuse("code is fetched by https; plain http only from hosts that the installation allows")
	}
	if address, err := netip.ParseAddr(normalize(host)); err == nil {
		return p.check(host, address, trusted)
	}
	return nil
}

// checkSpelling refuses hosts that different programs read differently.
func checkSpelling(host string) error {
	for _, letter := range host {
		if letter <= ' ' || letter >= 0x7f || strings.ContainsRune(`%\/?#@<>"'`, letter) {
			return refuse("the host %q is not written in plain letters", cut(host))
		}
	}
	if _, err := netip.ParseAddr(normalize(host)); err == nil {
		return nil
	}
	name := strings.TrimSuffix(host, ".")
	last := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	if last == "" || strings.ContainsRune(host, ':') || isNumber(last) {
		return refuse("%q is an unusual spelling of an address; write it as usual", cut(host))
	}
	return nil
}

// isNumber says whether a last label would be read as a number by inet_aton, in any base.
func isNumber(label string) bool {
	if rest, found := strings.CutPrefix(label, "0x"); found {
		return strings.Trim(rest, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func isPort(text string) bool {
	if text == "" {
		return true
	}
	number, err := strconv.Atoi(text)
	return err == nil && number > 0 && number <= portMax
}

func portOf(target *url.URL) string {
	switch {
	case target.Port() != "":
		return target.Port()
	case target.Scheme == "http":
		return "80"
	}
	return "443"
}

// origin is what a redirect may not leave.
func origin(target *url.URL) string {
	return target.Scheme + "://" + normalize(target.Hostname()) + ":" + portOf(target)
}

func cut(text string) string {
	if len(text) > 80 {
		return text[:80]
	}
	return text
}
