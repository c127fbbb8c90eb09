package netpol

import (
	"context"
	"errors"
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
	return follow(context.Background(), client, Node{Address: *address, Bridge: *bridge})
}

func follow(ctx context.Context, client kubernetes.Interface, node Node) error {
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
	current := ""
	for range changed {
		time.Sleep(settle)
		world, err := observe(pods.Lister().List, namespaces.Lister().List, policies.Lister().List)
		if err != nil {
			return err
		}
		script := Render(world, node)
		if script == current {
			continue
		}
		if err := apply(ctx, script); err != nil {
			log.Printf("netpol: %v; again in %v", err, retry)
			time.AfterFunc(retry, func() { notice(nil) })
			continue
		}
		current = script
	}
	return errors.New("the channel of changes was closed")
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
