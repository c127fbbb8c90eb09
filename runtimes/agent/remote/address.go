package remote

import (
	"net/netip"
)

// block is a block of addresses that no host of a tenant's may lead to, and what it is.
type block struct {
	prefix netip.Prefix
	what   string
}

// refusedBlocks is what is not public, after the registries of special-purpose addresses (RFC 6890), and
// what clouds give their metadata services.
var refusedBlocks = parseBlocks(map[string]string{
	"0.0.0.0/8":          "an unspecified",
	"10.0.0.0/8":         "a private",
	"100.64.0.0/10":      "a private",
	"127.0.0.0/8":        "a loopback",
	"168.63.129.16/32":   "a metadata service's",
	"169.254.0.0/16":     "a link-local",
	"172.16.0.0/12":      "a private",
	"192.0.0.0/24":       "a reserved",
	"192.0.2.0/24":       "a reserved",
	"192.88.99.0/24":     "a reserved",
	"192.168.0.0/16":     "a private",
	"198.18.0.0/15":      "a reserved",
	"198.51.100.0/24":    "a reserved",
	"203.0.113.0/24":     "a reserved",
	"224.0.0.0/4":        "a multicast",
	"240.0.0.0/4":        "a reserved",
	"::/128":             "an unspecified",
	"::1/128":            "a loopback",
	"::/8":               "a reserved",
	"100::/8":            "a reserved",
	"2001::/23":          "a reserved",
	"2001:db8::/32":      "a reserved",
	"2002::/16":          "a reserved",
	"3fff::/20":          "a reserved",
	"5f00::/16":          "a reserved",
	"64:ff9b:1::/48":     "a private",
	"fc00::/7":           "a private",
	"fe80::/10":          "a link-local",
	"fec0::/10":          "a private",
	"ff00::/8":           "a multicast",
	"fd00:ec2::254/128":  "a metadata service's",
	"100.100.100.200/32": "a metadata service's",
	"169.254.169.254/32": "a metadata service's",
})

// translated is where NAT64 puts IPv4 addresses, in their last four bytes.
var translated = netip.MustParsePrefix("64:ff9b::/96")

func parseBlocks(texts map[string]string) []block {
	var ranges []block
	for text, what := range texts {
		ranges = append(ranges, block{netip.MustParsePrefix(text), what})
	}
	return ranges
}

// describe says what kind of address it is where it is not a public one: the narrowest range counts.
func (p policy) describe(address netip.Addr) string {
	address = plain(address)
	found, bits := "", -1
	for _, one := range refusedBlocks {
		if one.prefix.Contains(address) && one.prefix.Bits() > bits {
			found, bits = one.what, one.prefix.Bits()
		}
	}
	for _, prefix := range p.private {
		if found == "" && prefix.Contains(address) {
			return "a private"
		}
	}
	return found
}

// plain gives the IPv4 address that an IPv6 one stands for, where it does.
func plain(address netip.Addr) netip.Addr {
	address = address.WithZone("").Unmap()
	if translated.Contains(address) {
		bytes := address.As16()
		address = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return address
}

// check refuses an address that a host of this trust may not lead to.
func (p policy) check(host string, address netip.Addr, trusted trust) error {
	what := p.describe(address)
	if what == "" || trusted == allowedAddress {
		return nil
	}
	if trusted == allowedName && what == "a private" {
		return nil
	}
	if text := address.String(); text != host {
		return refuse("the host %s leads to %s address (%s), which code is not fetched from", host, what, text)
	}
	return refuse("%s is %s address, which code is not fetched from", host, what)
}
