package netpol

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestAnAnnouncedAddressCountsBeforeTheApiSaysSo(t *testing.T) {
	pods := Addresses{clientIP: "shop/client"}.Complete([]*corev1.Pod{pod("shop", "client", "", nil)})
	if got := pods[0].Status.PodIP; got != clientIP {
		t.Errorf("the pod's address is %q, not %q", got, clientIP)
	}
}

func TestAnAddressBelongsToThePodThatWasGivenItLast(t *testing.T) {
	ending, starting := pod("shop", "ending", clientIP, nil), pod("shop", "starting", "", nil)
	pods := Addresses{clientIP: "shop/starting"}.Complete([]*corev1.Pod{ending, starting})
	if pods[0].Status.PodIP != "" || pods[1].Status.PodIP != clientIP {
		t.Errorf("addresses are %q and %q", pods[0].Status.PodIP, pods[1].Status.PodIP)
	}
	if ending.Status.PodIP != clientIP {
		t.Error("the watch's own object was changed")
	}
}

// start runs an enforcer over a cluster with one pod without address; gives its socket and the tables it made.
func start(t *testing.T, refusals int) (string, <-chan string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	isolated := policy("client", networking.NetworkPolicySpec{PolicyTypes: []networking.PolicyType{networking.PolicyTypeEgress}})
	client := fake.NewClientset(
		pod("shop", "client", "", map[string]string{"app": "client"}), isolated,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
	)
	announced, tables := make(chan announcement), make(chan string, 10)
	socket := filepath.Join(t.TempDir(), "socket")
	if err := listen(ctx, socket, announced); err != nil {
		t.Fatal(err)
	}
	enforcer := enforcer{addresses: Addresses{}, apply: func(_ context.Context, script string) error {
		if strings.Contains(script, clientIP) && refusals > 0 {
			refusals--
			return errors.New("not now")
		}
		tables <- script
		return nil
	}}
	go func() { _ = enforcer.follow(ctx, client, announced) }()
	return socket, tables
}

func announceTo(t *testing.T, socket, name string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	if err := json.NewEncoder(conn).Encode(announcement{Namespace: "shop", Name: name, Address: clientIP}); err != nil {
		t.Fatal(err)
	}
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	return answer
}

func TestThePluginIsAnsweredWhenTheTableKnowsThePod(t *testing.T) {
	for _, refusals := range []int{0, 1} {
		socket, tables := start(t, refusals)
		if answer := announceTo(t, socket, "client"); answer != "ok\n" {
			t.Fatalf("the plugin was told %q", answer)
		}
		var last string
		for len(tables) > 0 {
			last = <-tables
		}
		if !strings.Contains(last, "ip saddr "+clientIP+" jump egress_10_244_0_11") {
			t.Errorf("the table does not isolate the pod:\n%s", last)
		}
	}
}

func TestAPluginOfAPodThatNobodyKnowsGetsNoAnswer(t *testing.T) {
	socket, _ := start(t, 0)
	if answer := announceTo(t, socket, "stranger"); answer != "" {
		t.Errorf("the plugin was told %q", answer)
	}
}
