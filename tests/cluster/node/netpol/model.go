// Package netpol enforces NetworkPolicies on the one node of the test cluster.
//
// Contract: Select and Peers decide, purely, as the Kubernetes documentation of NetworkPolicy says;
// Render turns policies, pods and namespaces into one nftables table; Run keeps that table current.
// Known limits: IPv4 only, one node, SCTP as any other port. CoreDNS runs on the node, not in a pod, so a
// peer that means DNS by pod selector cannot match it: port 53 of the node is open to every pod.
package netpol

import (
	corev1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// World is everything that a decision depends on.
type World struct {
	Policies   []*networking.NetworkPolicy
	Pods       []*corev1.Pod
	Namespaces map[string]labels.Set
}

// Direction of traffic, as seen from the pod that a policy selects.
type Direction = networking.PolicyType

// enforced tells whether a pod has an address of its own that policies can speak of.
func enforced(pod *corev1.Pod) bool {
	return pod.Status.PodIP != "" && !pod.Spec.HostNetwork &&
		pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// Selecting returns the policies that isolate pod in the given direction.
func (w World) Selecting(pod *corev1.Pod, direction Direction) []*networking.NetworkPolicy {
	var found []*networking.NetworkPolicy
	for _, policy := range w.Policies {
		if policy.Namespace == pod.Namespace && covers(policy, direction) &&
			matches(&policy.Spec.PodSelector, pod.Labels) {
			found = append(found, policy)
		}
	}
	return found
}

// covers applies the defaulting of policyTypes: Ingress always, Egress where there are egress rules.
func covers(policy *networking.NetworkPolicy, direction Direction) bool {
	if len(policy.Spec.PolicyTypes) == 0 {
		return direction == networking.PolicyTypeIngress || len(policy.Spec.Egress) > 0
	}
	for _, one := range policy.Spec.PolicyTypes {
		if one == direction {
			return true
		}
	}
	return false
}

// rule is an ingress or an egress rule; the two have the same shape.
type rule struct {
	peers []networking.NetworkPolicyPeer
	ports []networking.NetworkPolicyPort
}

func rulesOf(policy *networking.NetworkPolicy, direction Direction) []rule {
	var rules []rule
	if direction == networking.PolicyTypeIngress {
		for _, one := range policy.Spec.Ingress {
			rules = append(rules, rule{one.From, one.Ports})
		}
		return rules
	}
	for _, one := range policy.Spec.Egress {
		rules = append(rules, rule{one.To, one.Ports})
	}
	return rules
}

// peerPods returns the pods that a peer's selectors mean, seen from the policy's namespace.
func (w World) peerPods(peer networking.NetworkPolicyPeer, namespace string) []*corev1.Pod {
	var found []*corev1.Pod
	for _, pod := range w.Pods {
		if !enforced(pod) {
			continue
		}
		inNamespace := pod.Namespace == namespace
		if peer.NamespaceSelector != nil {
			inNamespace = matches(peer.NamespaceSelector, w.Namespaces[pod.Namespace])
		}
		if inNamespace && (peer.PodSelector == nil || matches(peer.PodSelector, pod.Labels)) {
			found = append(found, pod)
		}
	}
	return found
}

func matches(selector *metav1.LabelSelector, set labels.Set) bool {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(set)
}

// resolveNamed finds the number that a named port has in the destination pod; 0 where it has none.
func resolveNamed(pod *corev1.Pod, name string, protocol corev1.Protocol) int32 {
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name == name && (port.Protocol == protocol || port.Protocol == "" && protocol == corev1.ProtocolTCP) {
				return port.ContainerPort
			}
		}
	}
	return 0
}

func protocolOf(port networking.NetworkPolicyPort) corev1.Protocol {
	if port.Protocol == nil {
		return corev1.ProtocolTCP
	}
	return *port.Protocol
}

func isNamed(port networking.NetworkPolicyPort) bool {
	return port.Port != nil && port.Port.Type == intstr.String
}
