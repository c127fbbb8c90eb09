package main

import (
	"flag"
	"fmt"
	"net/url"
)

// runHold opens connections, sends one request on each, and keeps them open until its parent has gone.
func runHold(arguments []string) error {
	flags := flag.NewFlagSet("hold", flag.ExitOnError)
	to := flags.String("url", "", "where to POST")
	connections := flags.Int("connections", 1000, "how many")
	_ = flags.Parse(arguments)
	target, err := url.Parse(*to)
	if err != nil {
		return err
	}
	s := &sender{target: target, request: buildRequest(target, []byte("{}"), nil), record: newRecord()}
	for range *connections {
		s.warm(1)
	}
	if len(s.free) != *connections {
		return fmt.Errorf("%d of %d connections were answered", len(s.free), *connections)
	}
	fmt.Println("ready")
	waitForParent()
	return nil
}
