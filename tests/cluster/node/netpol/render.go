package netpol

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
)

// Table is the nftables table that belongs to the enforcer alone.
const Table = "inet kubelambda_netpol"

// Node says where the node itself is.
type Node struct {
	Address string
	Bridge  string
}

// Render writes the whole table as one nft script: deleting and adding it again is one transaction.
//
// Forwarded traffic passes the egress chain of its source and the ingress chain of its destination;
// traffic from a pod to the node passes the egress chain only. What the node itself sends to a pod
// (kubelet's probes, the API server) is let through, as Kubernetes demands.
func Render(world World, node Node) string {
	var out strings.Builder
	fmt.Fprintf(&out, "table %s\ndelete table %s\ntable %s {\n", Table, Table, Table)
	pods := sortedPods(world.Pods)
	egress := renderChains(&out, world, pods, networking.PolicyTypeEgress)
	ingress := renderChains(&out, world, pods, networking.PolicyTypeIngress)
	fmt.Fprintf(&out, "  chain egress {\n%s  }\n", verdicts("saddr", egress))
	fmt.Fprintf(&out, "  chain ingress {\n%s  }\n", verdicts("daddr", ingress))
	fmt.Fprintf(&out, `  chain forward {
    type filter hook forward priority -10; policy accept;
    ct state established,related accept
    ip saddr %[1]s accept
    jump egress
    jump ingress
  }
  chain input {
    type filter hook input priority -10; policy accept;
    iifname != "%[2]s" accept
    ct state established,related accept
    meta l4proto { tcp, udp } th dport 53 accept
    jump egress
  }
}
`, node.Address, node.Bridge)
	return out.String()
}

func sortedPods(pods []*corev1.Pod) []*corev1.Pod {
	var kept []*corev1.Pod
	for _, pod := range pods {
		if enforced(pod) {
			kept = append(kept, pod)
		}
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].Status.PodIP < kept[j].Status.PodIP })
	return kept
}

// renderChains writes one chain for each isolated pod and returns chain names by pod address.
func renderChains(out *strings.Builder, world World, pods []*corev1.Pod, direction Direction) map[string]string {
	chains := map[string]string{}
	for _, pod := range pods {
		policies := world.Selecting(pod, direction)
		if len(policies) == 0 {
			continue
		}
		name := strings.ToLower(string(direction)) + "_" + strings.ReplaceAll(pod.Status.PodIP, ".", "_")
		chains[pod.Status.PodIP] = name
		var lines []string
		for _, policy := range policies {
			for _, one := range rulesOf(policy, direction) {
				lines = append(lines, ruleLines(world, pod, policy.Namespace, one, direction)...)
			}
		}
		fmt.Fprintf(out, "  chain %s {\n", name)
		for _, line := range unique(lines) {
			fmt.Fprintf(out, "    %s return\n", line)
		}
		fmt.Fprintf(out, "    drop\n  }\n")
	}
	return chains
}

func verdicts(side string, chains map[string]string) string {
	var addresses []string
	for address := range chains {
		addresses = append(addresses, address)
	}
	sort.Strings(addresses)
	var lines strings.Builder
	for _, address := range addresses {
		fmt.Fprintf(&lines, "    ip %s %s jump %s\n", side, address, chains[address])
	}
	return lines.String()
}

// ruleLines gives the matches, each of which lets traffic through, of one rule for one isolated pod.
func ruleLines(world World, pod *corev1.Pod, namespace string, one rule, direction Direction) []string {
	var lines []string
	for _, address := range addressMatches(world, namespace, one, direction) {
		for _, port := range portMatches(world, pod, one, direction) {
			lines = append(lines, join(address, port.destination, port.match))
		}
	}
	return lines
}

// addressMatches gives one match for each peer; the empty match means every address.
func addressMatches(world World, namespace string, one rule, direction Direction) []string {
	if len(one.peers) == 0 {
		return []string{""}
	}
	side := "saddr"
	if direction == networking.PolicyTypeEgress {
		side = "daddr"
	}
	var matches []string
	for _, peer := range one.peers {
		if peer.IPBlock != nil {
			if match := blockMatch(peer.IPBlock, side); match != "" {
				matches = append(matches, match)
			}
			continue
		}
		for _, found := range world.peerPods(peer, namespace) {
			matches = append(matches, fmt.Sprintf("ip %s %s", side, found.Status.PodIP))
		}
	}
	return matches
}

func blockMatch(block *networking.IPBlock, side string) string {
	if strings.Contains(block.CIDR, ":") {
		return ""
	}
	match := fmt.Sprintf("ip %s %s", side, block.CIDR)
	var except []string
	for _, one := range block.Except {
		if !strings.Contains(one, ":") {
			except = append(except, one)
		}
	}
	if len(except) > 0 {
		match += fmt.Sprintf(" ip %s != { %s }", side, strings.Join(except, ", "))
	}
	return match
}

// portMatch is one port; a named one of an egress rule holds for one destination only.
type portMatch struct {
	match       string
	destination string
}

// portMatches gives one match for each port of the rule; none at all means every port.
func portMatches(world World, pod *corev1.Pod, one rule, direction Direction) []portMatch {
	if len(one.ports) == 0 {
		return []portMatch{{}}
	}
	var matches []portMatch
	for _, port := range one.ports {
		protocol := protocolOf(port)
		layer := strings.ToLower(string(protocol))
		switch {
		case port.Port == nil:
			matches = append(matches, portMatch{match: "meta l4proto " + layer})
		case !isNamed(port):
			number := strconv.Itoa(int(port.Port.IntVal))
			if port.EndPort != nil {
				number += "-" + strconv.Itoa(int(*port.EndPort))
			}
			matches = append(matches, portMatch{match: layer + " dport " + number})
		case direction == networking.PolicyTypeIngress:
			if number := resolveNamed(pod, port.Port.StrVal, protocol); number != 0 {
				matches = append(matches, portMatch{match: fmt.Sprintf("%s dport %d", layer, number)})
			}
		default:
			for _, destination := range sortedPods(world.Pods) {
				if number := resolveNamed(destination, port.Port.StrVal, protocol); number != 0 {
					matches = append(matches, portMatch{
						match:       fmt.Sprintf("%s dport %d", layer, number),
						destination: "ip daddr " + destination.Status.PodIP,
					})
				}
			}
		}
	}
	return matches
}

func join(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

func unique(lines []string) []string {
	seen := map[string]bool{}
	var kept []string
	for _, line := range lines {
		if !seen[line] {
			seen[line] = true
			kept = append(kept, line)
		}
	}
	return kept
}
