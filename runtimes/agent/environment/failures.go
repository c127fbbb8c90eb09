package environment

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"kubelambda.io/agent/logs"
	"kubelambda.io/agent/runtimeapi"
)

// Error types of spec/lambda.md, section 2.5.
const (
	exitError         = "Runtime.ExitError"
	timedOut          = "Sandbox.Timedout"
	invalidEntrypoint = "Runtime.InvalidEntrypoint"
	invalidWorkingDir = "Runtime.InvalidWorkingDir"
	invalidCode       = "Runtime.InvalidCode"
	truncatedResponse = "Runtime.TruncatedResponse"
	invalidModeHeader = "Runtime.InvalidResponseModeHeader"
	responseTooLarge  = "Function.ResponseSizeTooLarge"

	accessExecute = 1 // X_OK of access(2)

	responseTooLargeBody = `{"errorMessage":"Response payload size exceeded maximum allowed ` +
		`payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`
)

// failure is why an init or an event failed. body, where there is one, is what the runtime posted
// and goes to the caller as it is; else the caller reads type and message.
type failure struct {
	errorType string
	message   string
	body      []byte
	// crashed has its own lines in the log.
	crashed bool
}

// shutdownReason is what extensions are told of the failure.
func (f failure) shutdownReason() string {
	if f.errorType == timedOut {
		return afterTimeout
	}
	return afterFailure
}

func posted(reported runtimeapi.Failure) failure {
	return failure{errorType: reported.Type, body: orEmpty(reported.Body)}
}

func orEmpty(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}

func exited(reason string) failure {
	message := "Runtime exited without providing a reason"
	if reason != "" {
		message = "Runtime exited with error: " + reason
	}
	return failure{errorType: exitError, message: message, crashed: true}
}

// timeout of an event; its text is for the caller.
func timeout(timeoutMs int64) failure {
	return failure{errorType: timedOut, message: logs.TimedOutText(timeoutMs)}
}

// notStarted tells why a runtime could not be started, in the words of the system's error.
func notStarted(path, directory string, err error) failure {
	if wrong := enterable(directory); wrong != nil {
		message := "chdir " + directory + ": " + systemText(wrong)
		return failure{errorType: invalidWorkingDir, message: message}
	}
	message := "fork/exec " + path + ": " + systemText(err)
	return failure{errorType: invalidEntrypoint, message: message}
}

// enterable gives the system's reason why a process could not change to directory.
func enterable(directory string) error {
	info, err := os.Stat(directory)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return syscall.ENOTDIR
	}
	return syscall.Access(directory, accessExecute)
}

func systemText(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return syscall.ENOENT.Error()
	}
	return err.Error()
}

// payload is what the caller of requestID reads.
func (f failure) payload(requestID string) []byte {
	if f.body != nil {
		return f.body
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode("RequestId: " + requestID + " Error: " + f.message) // strings always encode
	message := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	return []byte(`{"errorType":"` + f.errorType + `","errorMessage":` + string(message) + `}`)
}
