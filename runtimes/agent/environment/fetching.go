package environment

import (
	"context"
	"errors"
	"os"
	"time"

	"kubelambda.io/agent/code"
	"kubelambda.io/agent/link"
)

const (
	// packagePatience is how long gateways may take to give a package.
	packagePatience = time.Minute
	// codeErrorAge is how long an environment answers with why its code could not be fetched, before it
	// leaves the next try to another one.
	codeErrorAge = 5 * time.Second
)

// codeFailure is why the code cannot be used.
type codeFailure struct {
	failure
	since time.Time
	// lasting is of the code itself; what could not be fetched may be there another time.
	lasting bool
}

func newCodeFailure(err error, now time.Time) *codeFailure {
	var ofCode *code.Error
	return &codeFailure{
		failure: failure{errorType: invalidCode, message: err.Error()},
		since:   now,
		lasting: errors.As(err, &ofCode),
	}
}

// leaveIfCodeMayRecover ends the environment after the event that is about to fail.
func (e *Environment) leaveIfCodeMayRecover() {
	if e.codeFailure.lasting || time.Since(e.codeFailure.since) < codeErrorAge || e.leaving {
		return
	}
	e.leaving = true
	if e.conn != nil {
		e.conn.Leave()
	}
}

// unpackFetched fetches a package into a file without a name below the place, and unpacks it there.
func (e *Environment) unpackFetched(source link.CodeSource, place code.Place) error {
	file, err := os.CreateTemp(place.Directory, ".package-*")
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	if err := e.fetch(source, file); err != nil {
		return err
	}
	return code.UnzipFile(place, file, time.Now)
}

func (e *Environment) fetch(source link.CodeSource, file *os.File) error {
	if source.Package == "" {
		return e.options.Remote.Package(e.over, e.options.Supervisor, source, file)
	}
	ctx, cancel := context.WithTimeout(e.over, packagePatience)
	defer cancel()
	return e.options.Packages.Package(ctx, source.Package, file)
}
