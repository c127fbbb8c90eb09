package netpol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const patience = 5 * time.Second

// announcement is what the CNI plugin (tests/cluster/cni) says of a pod before its containers start.
type announcement struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Address   string `json:"address"`
	at        time.Time
	// enforced is closed when the rules hold that know the pod.
	enforced chan struct{}
}

func (a announcement) key() string { return a.Namespace + "/" + a.Name }

func keyOf(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

// Addresses are those that pods were given, by address: the API says so only later.
type Addresses map[string]string

// Complete gives each pod the address that was announced for it, and takes an address that another pod
// has by now from the one that had it before.
func (a Addresses) Complete(pods []*corev1.Pod) []*corev1.Pod {
	announced := map[string]string{}
	for address, key := range a {
		announced[key] = address
	}
	completed := make([]*corev1.Pod, len(pods))
	for number, pod := range pods {
		address := pod.Status.PodIP
		if owner, found := a[address]; found && owner != keyOf(pod) {
			address = ""
		}
		if address == "" {
			address = announced[keyOf(pod)]
		}
		if address != pod.Status.PodIP {
			pod = pod.DeepCopy()
			pod.Status.PodIP = address
		}
		completed[number] = pod
	}
	return completed
}

// listen hands on what plugins announce and answers each when its pod is enforced.
func listen(ctx context.Context, socket string, announced chan<- announcement) error {
	_ = os.Remove(socket) // of an enforcer that was killed
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listening for the CNI plugin: %w", err)
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go serve(ctx, conn, announced)
			}
		}
	}()
	return nil
}

func serve(ctx context.Context, conn net.Conn, announced chan<- announcement) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = conn.SetDeadline(time.Now().Add(patience))
	one := announcement{at: time.Now(), enforced: make(chan struct{})}
	if err := json.NewDecoder(conn).Decode(&one); err != nil {
		fmt.Fprintf(conn, "not an announcement: %v\n", err)
		return
	}
	select {
	case announced <- one:
	case <-ctx.Done():
		return
	}
	select {
	case <-one.enforced:
		fmt.Fprintln(conn, "ok")
	case <-ctx.Done():
	}
}
