package environment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"kubelambda.io/agent/code"
	"kubelambda.io/agent/link"
)

const (
	// mountPatience is how long the kubelet may take to bring the version of code that is meant.
	mountPatience = 10 * time.Second
	// packagePatience is how long gateways may take to give a package.
	packagePatience = time.Minute
)

// prepare unpacks layers and code; that counts neither as init nor towards its limit.
func (e *Environment) prepare(layers []link.CodeSource, source link.CodeSource) {
	err := e.unpack(layers, source)
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.configuration.Code, e.configuration.Layers = link.CodeSource{}, nil
	if e.phase != preparing {
		return
	}
	if errors.Is(err, code.ErrChanged) {
		// Another environment will be made of the new version; this one can never begin.
		e.options.Log("%s; ending", err)
		e.end()
		return
	}
	e.phase = initialising
	e.writeLog(e.format.InitStart(time.Now(), e.describeStart("init")))
	if err != nil {
		e.codeFailure = &failure{errorType: invalidCode, message: err.Error()}
		e.failInit(*e.codeFailure, 0)
		return
	}
	e.beginInit()
}

// unpack writes layers in their order, later ones over earlier ones, and then the code.
func (e *Environment) unpack(layers []link.CodeSource, source link.CodeSource) error {
	total := &code.Total{}
	err := e.unpackLayers(layers, code.Place{Directory: e.options.OptRoot, Total: total})
	if err == nil {
		err = e.unpackSource(source, code.Place{Directory: e.options.TaskRoot, Total: total})
	}
	if e.options.Supervisor.IsInit() {
		if len(layers) > 0 {
			code.CloseDirectories(e.options.OptRoot)
		}
		if source.Directory == "" && !source.Image {
			code.CloseDirectories(e.options.TaskRoot)
		}
	}
	return err
}

func (e *Environment) unpackLayers(layers []link.CodeSource, place code.Place) error {
	for number, layer := range layers {
		err := e.unpackSource(layer, place)
		if errors.Is(err, code.ErrTooLarge) {
			return err // it is the sum that is too large, in the words of AWS
		}
		if err != nil {
			return fmt.Errorf("layer %d of %d: %w", number+1, len(layers), err)
		}
	}
	return nil
}

func (e *Environment) unpackSource(source link.CodeSource, place code.Place) error {
	switch {
	case source.Directory != "", source.Image:
		return nil
	case source.Mounted != "":
		return code.CopyMounted(place, e.options.CodeMount, source.Mounted, mountPatience)
	case source.Package != "":
		return e.unpackPackage(place, source.Package)
	case source.Zip != nil:
		return code.Unzip(place, source.Zip, time.Now)
	default:
		return code.WriteInline(place, source.Inline)
	}
}

// unpackPackage fetches a package into a file without a name below the place, and unpacks it there.
func (e *Environment) unpackPackage(place code.Place, name string) error {
	file, err := os.CreateTemp(place.Directory, ".package-*")
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.over, packagePatience)
	defer cancel()
	if err := e.options.Packages.Package(ctx, name, file); err != nil {
		return err
	}
	return code.UnzipFile(place, file, time.Now)
}
