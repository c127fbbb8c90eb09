package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"kubelambda.io/agent/link"
	"kubelambda.io/agent/supervise"
)

const (
	resultBytesMax = 16 * 1024
	// remotePatience is more than kubelambda-fetch gives itself.
	remotePatience = 150 * time.Second
)

// Remote is what code from elsewhere is fetched with: another program, which is gone afterwards.
type Remote struct {
	// Program is the path of kubelambda-fetch.
	Program       string
	AllowedHosts  []string
	PrivateRanges []string
	Access        S3Access
	// Trust is the environment by which the program finds the certificates that it trusts.
	Trust []string
}

// Package writes what source.URL or source.S3 names to a file.
func (r Remote) Package(
	ctx context.Context, supervisor *supervise.Supervisor, source link.CodeSource, file *os.File,
) error {
	ctx, cancel := context.WithTimeout(ctx, remotePatience)
	defer cancel()
	order := Order{
		URL: source.URL, S3: source.S3,
		AllowedHosts: r.AllowedHosts, PrivateRanges: r.PrivateRanges,
	}
	if source.S3 != nil {
		order.Access = &r.Access
	}
	text, err := json.Marshal(order)
	if err != nil {
		return err
	}
	answer, err := r.run(ctx, supervisor, text, file)
	if err != nil {
		return fmt.Errorf("fetching the code: %w", err)
	}
	var result Result
	switch err := json.Unmarshal(answer, &result); {
	case err != nil:
		return errors.New("fetching the code ended without a result")
	case result.Error != "":
		return final("%s", result.Error)
	}
	return nil
}

// run gives the program its order and takes what it prints; it has ended when run returns.
func (r Remote) run(
	ctx context.Context, supervisor *supervise.Supervisor, order []byte, file *os.File,
) ([]byte, error) {
	theirInput, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer input.Close()
	output, theirOutput, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirInput.Close())
	}
	defer output.Close()
	exited := make(chan struct{})
	pid, err := supervisor.Start(supervise.Spec{
		Path:      r.Program,
		Args:      []string{r.Program},
		Env:       r.Trust,
		Directory: "/",
		Stdin:     theirInput,
		Stdout:    theirOutput.Fd(),
		Files:     []*os.File{file},
		Exited:    func(supervise.Status) { close(exited) },
	})
	_, _ = theirInput.Close(), theirOutput.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { supervisor.Signal(pid, syscall.SIGKILL) })
	defer stop()
	_, _ = input.Write(order) // one that does not read it has no result either
	_ = input.Close()
	answer, err := io.ReadAll(io.LimitReader(output, resultBytesMax))
	<-exited
	return answer, err
}
