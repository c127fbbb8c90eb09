// Command kubelambda-fetch brings one package of code from a URL or a bucket, for an agent that runs it.
//
// Contract: one JSON order on standard input (fetch.Order), the package into file descriptor 3, one line of
// JSON on standard output (fetch.Result), then it ends. It is a program of its own since what speaks
// https would stay in the agent's memory for as long as the environment lives.
package main

import (
	"os"

	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/remote"
)

func main() {
	remote.Serve(os.Stdin, os.Stdout, os.NewFile(fetch.PackageDescriptor, "package"))
}
