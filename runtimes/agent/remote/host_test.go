package remote

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// names is a resolver that knows these and nothing else.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, text := range n[host] {
		found = append(found, netip.MustParseAddr(text))
	}
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

func mustPolicy(t testing.TB, allowed, private []string) policy {
	t.Helper()
	made, err := newPolicy(allowed, private)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func mustParse(t testing.TB, text string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// F19: what a URL itself shows is refused before anything is resolved.
func TestF19SpellingsOfAddressesAndSchemesAreRefused(t *testing.T) {
	cases := map[string]string{
		"http://code.example/a.zip":             "plain http only from hosts that the installation allows",
		"http://169.254.169.254/latest":         "plain http",
		"file:///etc/passwd":                    `not by "file"`,
		"gopher://code.example/a":               `not by "gopher"`,
		"ftp://code.example/a":                  `not by "ftp"`,
		"//code.example/a":                      `not by ""`,
		"https:///a":                            "names no host",
		"https://name:word@code.example/a":      "user name",
		"https://code.example:0/a":              "port",
		"https://code.example:65536/a":          "port",
		"https://127.0.0.1/a":                   "a loopback address",
		"https://127.9.9.9/a":                   "a loopback address",
		"https://127.0.0.1./a":                  "a loopback address",
		"https://[::1]/a":                       "a loopback address",
		"https://[0:0:0:0:0:0:0:1]/a":           "a loopback address",
		"https://0.0.0.0/a":                     "an unspecified address",
		"https://[::]/a":                        "an unspecified address",
		"https://10.1.2.3/a":                    "a private address",
		"https://172.31.0.1/a":                  "a private address",
		"https://192.168.0.1/a":                 "a private address",
		"https://100.64.0.1/a":                  "a private address",
		"https://[fd00::1]/a":                   "a private address",
		"https://169.254.169.254/a":             "a metadata service's address",
		"https://100.100.100.200/a":             "a metadata service's address",
		"https://168.63.129.16/a":               "a metadata service's address",
		"https://[fd00:ec2::254]/a":             "a metadata service's address",
		"https://169.254.1.1/a":                 "a link-local address",
		"https://[fe80::1]/a":                   "a link-local address",
		"https://[fe80::1%25eth0]/a":            "not written in plain letters",
		"https://224.0.0.1/a":                   "a multicast address",
		"https://[ff02::1]/a":                   "a multicast address",
		"https://255.255.255.255/a":             "a reserved address",
		"https://198.51.100.7/a":                "a reserved address",
		"https://[2001:db8::1]/a":               "a reserved address",
		"https://[::ffff:127.0.0.1]/a":          "a loopback address",
		"https://[::ffff:7f00:1]/a":             "a loopback address",
		"https://[::ffff:169.254.169.254]/a":    "a metadata service's address",
		"https://[::127.0.0.1]/a":               "a reserved address",
		"https://[64:ff9b::7f00:1]/a":           "a loopback address",
		"https://[64:ff9b::10.0.0.1]/a":         "a private address",
		"https://[64:ff9b:1::1]/a":              "a private address",
		"https://[2002:7f00:1::]/a":             "a reserved address",
		"https://2130706433/a":                  "unusual spelling",
		"https://0x7f000001/a":                  "unusual spelling",
		"https://0x7f.1/a":                      "unusual spelling",
		"https://0177.0.0.1/a":                  "unusual spelling",
		"https://017700000001/a":                "unusual spelling",
		"https://127.1/a":                       "unusual spelling",
		"https://127.0.1/a":                     "unusual spelling",
		"https://127.0.0.0x1/a":                 "unusual spelling",
		"https://256.256.256.256/a":             "unusual spelling",
		"https://1.2.3.4.5/a":                   "unusual spelling",
		"https://code.example../a":              "unusual spelling",
		"https://\uff11\uff12\uff17.0.0.1/a":    "plain letters",
		"https://127\u30020\u30020\u30021/a":    "plain letters",
		"https://code.example\u2024internal/a":  "plain letters",
		"https://10.77.0.1/a":                   "a private address",
		"https://44.55.66.77/a":                 "a private address",
		"HTTPS://LOCALHOST.:70000/a":            "port",
		"https://[::ffff:0a00:0001]:443/a":      "a private address",
		"https://metadata.google.internal:-1/a": "",
	}
	strict := mustPolicy(t, nil, []string{"44.55.0.0/16"})
	for text, want := range cases {
		parsed, err := url.Parse(text)
		if err != nil {
			continue // the URL is none, which urlSource says
		}
		err = strict.checkURL(parsed)
		var told *Error
		if !errors.As(err, &told) || told.passing || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, wanted %q", text, err, want)
		}
	}
}

// F19: the addresses that a name leads to are judged, whatever the name.
func TestF19NamesThatLeadToAddressesOfTheClusterAreRefused(t *testing.T) {
	resolver := names{
		"kubernetes.default":       {"10.96.0.1"},
		"metadata.google.internal": {"169.254.169.254"},
		"loop.example":             {"127.0.0.1"},
		"loop6.example":            {"::1"},
		"mapped.example":           {"::ffff:127.0.0.1"},
		"mixed.example":            {"93.184.215.14", "10.0.0.5"},
		"cluster.example":          {"44.55.66.77"},
		"localhost":                {"127.0.0.1"},
	}
	for name := range resolver {
		strict := dialer{mustPolicy(t, nil, []string{"44.55.0.0/16"}), resolver, time.Second, time.Second}
		conn, err := strict.dial(t.Context(), "tcp", name+":443")
		if conn != nil || err == nil || !strings.Contains(err.Error(), "the host "+name+" leads to") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	unknown := dialer{mustPolicy(t, nil, nil), resolver, time.Second, time.Second}
	if _, err := unknown.dial(t.Context(), "tcp", "nobody.example:443"); err == nil ||
		err.Error() != "there is no host nobody.example" {
		t.Errorf("got %v", err)
	}
}

// changing answers each look-up with the next address.
type changing struct{ answers []string }

func (c *changing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	next := c.answers[0]
	c.answers = c.answers[1:]
	return []netip.Addr{netip.MustParseAddr(next)}, nil
}

// F19, DNS rebinding: a name is resolved once for a connection, and the system gets the address.
func TestF19TheAddressThatWasCheckedIsTheOneThatIsDialled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	resolver := &changing{[]string{"127.0.0.1", "10.0.0.1"}}
	d := dialer{mustPolicy(t, []string{"127.0.0.1", "localhost"}, nil), resolver, time.Second, time.Second}
	conn, err := d.dial(t.Context(), "tcp", "localhost:"+port)
	if err != nil || conn.RemoteAddr().String() != listener.Addr().String() {
		t.Fatalf("%v, %v", conn, err)
	}
	_ = conn.Close()
	if len(resolver.answers) != 1 {
		t.Error("the name was resolved more than once")
	}
	if _, err := d.connect(t.Context(), listener.Addr().String(), unknown); err == nil ||
		!strings.Contains(err.Error(), "a loopback address") {
		t.Errorf("the system was asked for an address that is refused: %v", err)
	}
}

func TestAnAllowedHostMayBePrivateAndPlainHTTP(t *testing.T) {
	given := []string{"minio.storage.svc", "code.example:8080", "10.0.0.9", "[fd00::9]:9000", "Upper.Example."}
	p := mustPolicy(t, given, nil)
	for _, text := range []string{
		"http://minio.storage.svc/a", "https://MINIO.storage.svc.:9000/a", "http://code.example:8080/a",
		"http://10.0.0.9/a", "https://10.0.0.9:9443/a", "http://[fd00::9]:9000/a", "http://upper.example/a",
		"http://[::ffff:10.0.0.9]/a", "https://public.example/a",
	} {
		if err := p.checkURL(mustParse(t, text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"http://code.example/a", "https://10.0.0.10/a", "https://[fd00::9]/a", "http://sub.minio.storage.svc/a",
	} {
		if p.checkURL(mustParse(t, text)) == nil {
			t.Errorf("%s was allowed", text)
		}
	}
}

// An allowed name is not a way to the node or to the agent itself.
func TestAnAllowedNameMayLeadToPrivateAddressesOnly(t *testing.T) {
	p := mustPolicy(t, []string{"code.example", "169.254.10.1"}, []string{"44.55.0.0/16"})
	for text, passes := range map[string]bool{
		"10.0.0.1": true, "44.55.0.1": true, "fd00::1": true, "93.184.215.14": true,
		"127.0.0.1": false, "::1": false, "169.254.169.254": false, "169.254.1.1": false, "0.0.0.0": false,
		"fe80::1": false, "224.0.0.1": false,
	} {
		err := p.check("code.example", netip.MustParseAddr(text), p.trust("code.example", "443"))
		if (err == nil) != passes {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := p.checkURL(mustParse(t, "http://169.254.10.1/")); err != nil {
		t.Errorf("an address that was allowed by itself: %v", err)
	}
}

func TestAnAllowedHostThatIsNoneIsAnError(t *testing.T) {
	for _, text := range []string{"http://x.example", "a/b", "user@host", "[::1", "host:port"} {
		if _, err := newPolicy([]string{text}, nil); err == nil {
			t.Errorf("%q passed", text)
		}
	}
	if _, err := newPolicy(nil, []string{"10.0.0.0"}); err == nil {
		t.Error("a range without a length passed")
	}
}
