// Command kubelambda-agent supervises one Lambda execution environment.
package main

func main() {}
