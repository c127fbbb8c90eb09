package netpol

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	clientIP = "10.244.0.11"
	serverIP = "10.244.0.12"
	otherIP  = "10.244.0.13"
)

func pod(namespace, name, ip string, set map[string]string, ports ...corev1.ContainerPort) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: set},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Ports: ports}}},
		Status:     corev1.PodStatus{PodIP: ip, Phase: corev1.PodRunning},
	}
}

func world(policies ...*networking.NetworkPolicy) World {
	return World{
		Policies: policies,
		Pods: []*corev1.Pod{
			pod("shop", "client", clientIP, map[string]string{"app": "client"}),
			pod("shop", "server", serverIP, map[string]string{"app": "server"}, corev1.ContainerPort{Name: "web", ContainerPort: 8080}),
			pod("bank", "other", otherIP, map[string]string{"app": "client"}),
		},
		Namespaces: map[string]labels.Set{"shop": {"team": "a"}, "bank": {"team": "b"}},
	}
}

func policy(app string, spec networking.NetworkPolicySpec) *networking.NetworkPolicy {
	if app != "" {
		spec.PodSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	}
	return &networking.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}, Spec: spec}
}

func selector(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func numbered(number int32) networking.NetworkPolicyPort {
	port := intstr.FromInt32(number)
	return networking.NetworkPolicyPort{Port: &port}
}

func named(name string) networking.NetworkPolicyPort {
	port := intstr.FromString(name)
	return networking.NetworkPolicyPort{Port: &port}
}

func ranged(from, to int32) networking.NetworkPolicyPort {
	port := numbered(from)
	port.EndPort = &to
	return port
}

func udp(number int32) networking.NetworkPolicyPort {
	port, protocol := numbered(number), corev1.ProtocolUDP
	port.Protocol = &protocol
	return port
}

func ingress(peers []networking.NetworkPolicyPeer, ports ...networking.NetworkPolicyPort) networking.NetworkPolicySpec {
	return networking.NetworkPolicySpec{Ingress: []networking.NetworkPolicyIngressRule{{From: peers, Ports: ports}}}
}

func egress(peers []networking.NetworkPolicyPeer, ports ...networking.NetworkPolicyPort) networking.NetworkPolicySpec {
	return networking.NetworkPolicySpec{
		PolicyTypes: []networking.PolicyType{networking.PolicyTypeEgress},
		Egress:      []networking.NetworkPolicyEgressRule{{To: peers, Ports: ports}},
	}
}

func TestRulesOfAnIsolatedPod(t *testing.T) {
	ingressChain, egressChain := "ingress_10_244_0_12", "egress_10_244_0_11"
	denyAll := networking.NetworkPolicySpec{PolicyTypes: []networking.PolicyType{networking.PolicyTypeIngress}}
	cases := []struct {
		name   string
		policy *networking.NetworkPolicy
		chain  string
		want   []string
	}{
		{"no rule lets nobody in", policy("server", denyAll), ingressChain, nil},
		{"an empty rule lets everybody in", policy("server", ingress(nil)), ingressChain, []string{"return"}},
		{"a pod selector means pods of the policy's namespace only", policy("server", ingress([]networking.NetworkPolicyPeer{{PodSelector: selector("app", "client")}})), ingressChain, []string{"ip saddr 10.244.0.11 return"}},
		{"a namespace selector means all its pods", policy("server", ingress([]networking.NetworkPolicyPeer{{NamespaceSelector: selector("team", "b")}})), ingressChain, []string{"ip saddr 10.244.0.13 return"}},
		{"an empty namespace selector means every namespace", policy("server", ingress([]networking.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}})), ingressChain, []string{"ip saddr 10.244.0.11 return", "ip saddr 10.244.0.12 return", "ip saddr 10.244.0.13 return"}},
		{"both selectors together mean both", policy("server", ingress([]networking.NetworkPolicyPeer{{NamespaceSelector: selector("team", "b"), PodSelector: selector("app", "server")}})), ingressChain, nil},
		{"two peers mean either", policy("server", ingress([]networking.NetworkPolicyPeer{{PodSelector: selector("app", "client")}, {NamespaceSelector: selector("team", "b")}})), ingressChain, []string{"ip saddr 10.244.0.11 return", "ip saddr 10.244.0.13 return"}},
		{"a block with exceptions", policy("server", ingress([]networking.NetworkPolicyPeer{{IPBlock: &networking.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.244.0.13/32"}}}})), ingressChain, []string{"ip saddr 10.0.0.0/8 ip saddr != { 10.244.0.13/32 } return"}},
		{"an IPv6 block lets nobody of IPv4 in", policy("server", ingress([]networking.NetworkPolicyPeer{{IPBlock: &networking.IPBlock{CIDR: "::/0"}}})), ingressChain, nil},
		{"a port without protocol is TCP", policy("server", ingress(nil, numbered(80))), ingressChain, []string{"tcp dport 80 return"}},
		{"a UDP port", policy("server", ingress(nil, udp(53))), ingressChain, []string{"udp dport 53 return"}},
		{"a range of ports", policy("server", ingress(nil, ranged(8000, 8100))), ingressChain, []string{"tcp dport 8000-8100 return"}},
		{"a named port is the selected pod's", policy("server", ingress(nil, named("web"))), ingressChain, []string{"tcp dport 8080 return"}},
		{"a named port that the pod has not lets nobody in", policy("server", ingress(nil, named("none"))), ingressChain, nil},
		{"peers and ports multiply", policy("server", ingress([]networking.NetworkPolicyPeer{{PodSelector: selector("app", "client")}}, numbered(80), numbered(81))), ingressChain, []string{"ip saddr 10.244.0.11 tcp dport 80 return", "ip saddr 10.244.0.11 tcp dport 81 return"}},
		{"egress speaks of destinations", policy("client", egress([]networking.NetworkPolicyPeer{{PodSelector: selector("app", "server")}}, numbered(80))), egressChain, []string{"ip daddr 10.244.0.12 tcp dport 80 return"}},
		{"a named port of egress is the destination's", policy("client", egress(nil, named("web"))), egressChain, []string{"ip daddr 10.244.0.12 tcp dport 8080 return"}},
		{"a named port within a block is the destination's", policy("client", egress([]networking.NetworkPolicyPeer{{IPBlock: &networking.IPBlock{CIDR: "10.244.0.0/24"}}}, named("web"))), egressChain, []string{"ip daddr 10.244.0.0/24 ip daddr 10.244.0.12 tcp dport 8080 return"}},
		{"an empty pod selector means every pod of the namespace", policy("", ingress(nil)), "ingress_10_244_0_11", []string{"return"}},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			got := chain(Render(world(one.policy), Node{"10.244.0.1", "cni0"}), one.chain)
			want := append(append([]string{}, one.want...), "drop")
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestWhoIsIsolated(t *testing.T) {
	onlyEgress := egress(nil)
	defaulted := networking.NetworkPolicySpec{Egress: []networking.NetworkPolicyEgressRule{{}}}
	cases := []struct {
		name   string
		policy *networking.NetworkPolicy
		chain  string
		want   bool
	}{
		{"a pod that no policy selects is not", policy("server", ingress(nil)), "ingress_10_244_0_11", false},
		{"a pod of another namespace is not", policy("client", ingress(nil)), "ingress_10_244_0_13", false},
		{"ingress rules do not isolate egress", policy("client", ingress(nil)), "egress_10_244_0_11", false},
		{"policyTypes Egress alone does not isolate ingress", policy("client", onlyEgress), "ingress_10_244_0_11", false},
		{"absent policyTypes mean Ingress always", policy("client", defaulted), "ingress_10_244_0_11", true},
		{"absent policyTypes mean Egress where there are egress rules", policy("client", defaulted), "egress_10_244_0_11", true},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			script := Render(world(one.policy), Node{"10.244.0.1", "cni0"})
			if got := strings.Contains(script, "chain "+one.chain+" {"); got != one.want {
				t.Errorf("isolated: %v, want %v", got, one.want)
			}
		})
	}
}

func TestPodsWithoutAnAddressOfTheirOwnAreLeftAlone(t *testing.T) {
	all := world(policy("", ingress(nil)))
	all.Pods[0].Spec.HostNetwork = true
	all.Pods[1].Status.Phase = corev1.PodSucceeded
	script := Render(all, Node{"10.244.0.1", "cni0"})
	if strings.Contains(script, "chain ingress_") {
		t.Error(script)
	}
}

func TestTwoPoliciesOfOnePodAddUp(t *testing.T) {
	script := Render(world(policy("server", ingress(nil, numbered(80))), policy("server", ingress(nil, numbered(81)))), Node{"10.244.0.1", "cni0"})
	got := strings.Join(chain(script, "ingress_10_244_0_12"), "\n")
	if got != "tcp dport 80 return\ntcp dport 81 return\ndrop" {
		t.Error(got)
	}
}

func chain(script, name string) []string {
	_, rest, found := strings.Cut(script, "chain "+name+" {\n")
	if !found {
		return nil
	}
	body, _, _ := strings.Cut(rest, "  }\n")
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}
