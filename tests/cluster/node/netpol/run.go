package netpol

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os/exec"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	settle = 30 * time.Millisecond
	retry  = time.Second
)

// Main is the role `netpol` of the node binary. It runs until it is killed; the table stays.
func Main(arguments []string) error {
	flags := flag.NewFlagSet("netpol", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig with the right to read pods, namespaces and policies")
	address := flags.String("node-address", "10.244.0.1", "address of the node on the bridge")
	bridge := flags.String("bridge", "cni0", "the bridge that pods are on")
	socket := flags.String("socket", "", "unix socket at which the CNI plugin announces pods")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	configuration, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fmt.Errorf("reading --kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(configuration)
	if err != nil {
		return fmt.Errorf("building a client: %w", err)
	}
	announced := make(chan announcement)
	if err := listen(context.Background(), *socket, announced); err != nil {
		return err
	}
	enforcer := enforcer{node: Node{Address: *address, Bridge: *bridge}, apply: apply, addresses: Addresses{}}
	return enforcer.follow(context.Background(), client, announced)
}

// enforcer keeps the table current; one goroutine uses it.
type enforcer struct {
	node  Node
	apply func(ctx context.Context, script string) error
	// addresses and waiting are what plugins have announced and who among them has no answer yet.
	addresses Addresses
	waiting   []announcement
	current   string
}

func (e *enforcer) follow(ctx context.Context, client kubernetes.Interface, announced <-chan announcement) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods()
	namespaces := factory.Core().V1().Namespaces()
	policies := factory.Networking().V1().NetworkPolicies()
	changed := make(chan struct{}, 1)
	notice := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    notice,
		UpdateFunc: func(_, after any) { notice(after) },
		DeleteFunc: notice,
	}
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), namespaces.Informer(), policies.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watching: %w", err)
		}
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("listing %v did not end", kind)
		}
	}
	notice(nil)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case one := <-announced:
			e.accept(one)
		case <-changed:
			select {
			case <-time.After(settle):
			case one := <-announced:
				e.accept(one)
			}
		}
		world, err := observe(pods.Lister().List, namespaces.Lister().List, policies.Lister().List)
		if err != nil {
			return err
		}
		if err := e.enforce(ctx, world); err != nil {
			log.Printf("netpol: %v; again in %v", err, retry)
			time.AfterFunc(retry, func() { notice(nil) })
		}
	}
}

func (e *enforcer) accept(one announcement) {
	e.addresses[one.Address] = one.key()
	e.waiting = append(e.waiting, one)
}

// enforce makes the table that of the world, then answers the plugins whose pods are in it.
func (e *enforcer) enforce(ctx context.Context, world World) error {
	world.Pods = e.addresses.Complete(world.Pods)
	if script := Render(world, e.node); script != e.current {
		if err := e.apply(ctx, script); err != nil {
			return err
		}
		e.current = script
	}
	present := map[string]bool{}
	for _, pod := range world.Pods {
		present[keyOf(pod)] = true
	}
	// A pod that the watch has not brought yet is waited for; one that had its answer and is gone is forgotten.
	expected := map[string]bool{}
	var waiting []announcement
	for _, one := range e.waiting {
		if present[one.key()] {
			close(one.enforced)
		} else if time.Since(one.at) < patience {
			waiting = append(waiting, one)
			expected[one.key()] = true
		}
	}
	e.waiting = waiting
	for address, key := range e.addresses {
		if !present[key] && !expected[key] {
			delete(e.addresses, address)
		}
	}
	return nil
}

func observe(
	listPods func(labels.Selector) ([]*corev1.Pod, error),
	listNamespaces func(labels.Selector) ([]*corev1.Namespace, error),
	listPolicies func(labels.Selector) ([]*networking.NetworkPolicy, error),
) (World, error) {
	pods, err := listPods(labels.Everything())
	if err != nil {
		return World{}, fmt.Errorf("listing pods: %w", err)
	}
	policies, err := listPolicies(labels.Everything())
	if err != nil {
		return World{}, fmt.Errorf("listing policies: %w", err)
	}
	namespaces, err := listNamespaces(labels.Everything())
	if err != nil {
		return World{}, fmt.Errorf("listing namespaces: %w", err)
	}
	sets := map[string]labels.Set{}
	for _, namespace := range namespaces {
		sets[namespace.Name] = namespace.Labels
	}
	return World{Policies: policies, Pods: pods, Namespaces: sets}, nil
}

func apply(ctx context.Context, script string) error {
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(script)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft refused the table: %w: %s", err, output)
	}
	return nil
}
