package environment

import (
	"errors"
	"fmt"
	"time"

	"kubelambda.io/agent/code"
	"kubelambda.io/agent/link"
)

// mountPatience is how long the kubelet may take to bring the version of code that is meant.
const mountPatience = 10 * time.Second

// prepare unpacks layers and code; that counts neither as init nor towards its limit.
func (e *Environment) prepare(layers []link.CodeSource, source link.CodeSource) {
	err := e.unpack(layers, source)
	e.confine(source)
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
		e.codeFailure = newCodeFailure(err, time.Now())
		e.failInit(e.codeFailure.failure, 0)
		return
	}
	e.beginInit()
}

// unpack writes layers in their order, later ones over earlier ones, and then the code.
func (e *Environment) unpack(layers []link.CodeSource, source link.CodeSource) error {
	own := e.ownDirectories(layers, source)
	for _, directory := range own {
		if err := code.Empty(directory); err != nil {
			return err
		}
	}
	total := &code.Total{}
	err := e.unpackLayers(layers, code.Place{Directory: e.options.OptRoot, Total: total})
	if err == nil {
		err = e.unpackSource(source, code.Place{Directory: e.options.TaskRoot, Total: total})
	}
	for _, directory := range own {
		code.CloseDirectories(directory)
	}
	return err
}

// writable is where a function may change files, as far as its container lets it: /tmp, as on AWS, and
// what is no disk. POSIX message queues are opened past /dev, so they are named.
var writable = []string{"/tmp", "/dev", "/dev/mqueue", "/proc"}

// confine closes code and layers to the processes that will be started. Where that cannot be they
// start all the same, as on a kernel that does not know how.
func (e *Environment) confine(source link.CodeSource) {
	if !e.ownsCode(source) {
		return
	}
	if err := e.options.Supervisor.Confine(writable); err != nil {
		// LIMIT: without Landlock the function can reopen its own code for writing.
		e.options.Log("the function can change its own code: %v", err)
	}
}

// ownsCode says that the code is unpacked into a directory of this environment alone: neither used in
// place nor in the image.
func (e *Environment) ownsCode(source link.CodeSource) bool {
	return e.options.Supervisor.IsInit() && source.Directory == "" && !source.Image
}

// ownDirectories are those that nobody but this environment unpacks into: in a pod, where a restarted
// container finds them as it left them.
func (e *Environment) ownDirectories(layers []link.CodeSource, source link.CodeSource) []string {
	var own []string
	if e.options.Supervisor.IsInit() && len(layers) > 0 {
		own = append(own, e.options.OptRoot)
	}
	if e.ownsCode(source) {
		own = append(own, e.options.TaskRoot)
	}
	return own
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
	case source.Package != "", source.URL != nil, source.S3 != nil:
		return e.unpackFetched(source, place)
	case source.Zip != nil:
		return code.Unzip(place, source.Zip, time.Now)
	default:
		return code.WriteInline(place, source.Inline)
	}
}
