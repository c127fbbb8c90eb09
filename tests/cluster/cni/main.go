// Command cni is a chained CNI plugin: it tells the NetworkPolicy enforcer a pod's address before the pod's
// containers start, and waits until the rules hold, as the plugins of real clusters do. Without it the enforcer
// learns an address from the API, a second or more later, and what the pod sends until then is lost.
//
// Contract: the CNI specification 0.4.0 and 1.0.0. The configuration names the enforcer's `socket`; ADD hands the
// previous plugin's result on unchanged, or fails, and then the kubelet makes the sandbox anew. DEL and CHECK do
// nothing: the enforcer sees in the API which pods are gone.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

const patience = 5 * time.Second

type configuration struct {
	Socket     string          `json:"socket"`
	PrevResult json.RawMessage `json:"prevResult"`
}

type result struct {
	IPs []struct {
		Address netip.Prefix `json:"address"`
	} `json:"ips"`
}

type announcement struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Address   string `json:"address"`
}

func main() {
	output, err := run(os.Getenv("CNI_COMMAND"), os.Getenv("CNI_ARGS"), os.Stdin)
	if err != nil {
		failure := map[string]any{"cniVersion": "0.4.0", "code": 100, "msg": err.Error()}
		_ = json.NewEncoder(os.Stdout).Encode(failure)
		os.Exit(1)
	}
	fmt.Println(output)
}

func run(command, arguments string, input io.Reader) (string, error) {
	switch command {
	case "VERSION":
		return `{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}`, nil
	case "ADD":
		return add(arguments, input)
	default:
		return "", nil
	}
}

func add(arguments string, input io.Reader) (string, error) {
	var given configuration
	if err := json.NewDecoder(input).Decode(&given); err != nil {
		return "", fmt.Errorf("reading the configuration: %w", err)
	}
	var previous result
	if err := json.Unmarshal(given.PrevResult, &previous); err != nil || len(previous.IPs) == 0 {
		return "", errors.New("this plugin comes after one that gives addresses")
	}
	pod := announcement{
		Namespace: argument(arguments, "K8S_POD_NAMESPACE"),
		Name:      argument(arguments, "K8S_POD_NAME"),
		Address:   previous.IPs[0].Address.Addr().String(),
	}
	return string(given.PrevResult), announce(given.Socket, pod)
}

func argument(arguments, name string) string {
	for _, pair := range strings.Split(arguments, ";") {
		if value, found := strings.CutPrefix(pair, name+"="); found {
			return value
		}
	}
	return ""
}

// announce returns when the enforcer's rules know the pod.
func announce(socket string, pod announcement) error {
	conn, err := net.DialTimeout("unix", socket, patience)
	if err != nil {
		return fmt.Errorf("the NetworkPolicy enforcer does not answer: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if err := json.NewEncoder(conn).Encode(pod); err != nil {
		return fmt.Errorf("telling the NetworkPolicy enforcer: %w", err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("waiting for the NetworkPolicy enforcer: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return fmt.Errorf("the NetworkPolicy enforcer: %s", answer)
	}
	return nil
}
