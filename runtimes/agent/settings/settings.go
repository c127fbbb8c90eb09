// Package settings reads what the agent is told by its pod: the variables of the runtime contract
// (runtimes/README.md).
//
// Contract: the only reader of the agent's own environment. A missing or malformed key is an error:
// there is no unauthenticated mode.
package settings

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubelambda.io/agent/fetch"
	"kubelambda.io/agent/link"
	"kubelambda.io/agent/supervise"
)

const (
	prefix      = "KUBELAMBDA_"
	valuePrefix = prefix + "VALUE_"

	defaultTaskRoot     = "/var/task"
	defaultOptRoot      = "/opt"
	defaultCodeMount    = "/var/run/kubelambda/code"
	defaultRuntimeAPI   = "127.0.0.1:9001"
	defaultValuesMount  = "/var/run/kubelambda/values"
	defaultIdleFreezeMs = 50
	defaultValuesPollMs = 5000
	fetchProgram        = "kubelambda-fetch"
)

var (
	defaultBootstrap = []string{"/var/runtime/bootstrap"}
	// trustVariables are all that kubelambda-fetch gets of the agent's environment.
	trustVariables = []string{"SSL_CERT_FILE", "SSL_CERT_DIR"}
)

// Settings is everything that the pod says.
type Settings struct {
	Gateway   string
	Identity  link.Identity
	Key       []byte
	Bootstrap []string
	Values    map[string]string
	// OptionalValues are names that Values need not hold.
	OptionalValues []string
	ValuesMount    string
	ValuesPoll     time.Duration
	TaskRoot       string
	OptRoot        string
	CodeMount      string
	Remote         fetch.Remote
	RuntimeAPI     string
	IdleFreeze     time.Duration
	// LogFrames: the runtime knows how to write the records of its logger in frames.
	LogFrames bool
	// WorkingDirectory is empty where the runtime starts in the task root.
	WorkingDirectory string
	// Mounts are what this environment sees in another place than the machine.
	Mounts []supervise.Mount
}

// Read takes settings from variables ("NAME=value"). Its errors name variables, never values.
func Read(variables []string) (Settings, error) {
	given := byName(variables)
	key, keyErr := readKey(given["KEY"])
	generation, generationErr := readNumber(given, "KEY_GENERATION", 1)
	pollMs, pollErr := readNumber(given, "VALUES_POLL_MS", defaultValuesPollMs)
	freezeMs, freezeErr := readNumber(given, "IDLE_FREEZE_MS", defaultIdleFreezeMs)
	bootstrap, bootstrapErr := readBootstrap(given)
	mounts, mountsErr := readMounts(given["MOUNTS"])
	settings := Settings{
		Gateway: given["GATEWAY"],
		Identity: link.Identity{
			Namespace:     given["NAMESPACE"],
			Function:      given["FUNCTION"],
			UID:           given["FUNCTION_UID"],
			KeyGeneration: generation,
			ConfigDigest:  given["CONFIG_DIGEST"],
			Revision:      given["REVISION"],
			Pod:           given["POD"],
			PodUID:        given["POD_UID"],
		},
		Key:            key,
		Bootstrap:      bootstrap,
		Values:         readValues(given),
		OptionalValues: strings.Fields(given["VALUES_OPTIONAL"]),
		ValuesMount:    or(given["VALUES_MOUNT"], defaultValuesMount),
		ValuesPoll:     time.Duration(max(1, pollMs)) * time.Millisecond,
		TaskRoot:       or(given["TASK_ROOT"], defaultTaskRoot),
		OptRoot:        or(given["OPT_ROOT"], defaultOptRoot),
		CodeMount:      or(given["CODE_MOUNT"], defaultCodeMount),
		Remote:         readRemote(given, variables),
		RuntimeAPI:     or(given["RUNTIME_API_ADDRESS"], defaultRuntimeAPI),
		IdleFreeze:     time.Duration(freezeMs) * time.Millisecond,
		LogFrames:      given["LOG_FRAMES"] != "",

		WorkingDirectory: given["WORKING_DIRECTORY"],
		Mounts:           mounts,
	}
	missing := requireAll(given, "GATEWAY", "NAMESPACE", "FUNCTION", "FUNCTION_UID", "POD")
	return settings, errors.Join(missing, keyErr, generationErr, freezeErr, pollErr, bootstrapErr, mountsErr)
}

func byName(variables []string) map[string]string {
	given := map[string]string{}
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		if rest, found := strings.CutPrefix(name, prefix); found {
			given[rest] = value
		}
	}
	return given
}

func requireAll(given map[string]string, names ...string) error {
	var missing []error
	for _, name := range names {
		if given[name] == "" {
			missing = append(missing, fmt.Errorf("%s%s is not set", prefix, name))
		}
	}
	return errors.Join(missing...)
}

func readKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != link.KeyBytes {
		return nil, fmt.Errorf("%sKEY is not %d hex digits", prefix, 2*link.KeyBytes)
	}
	return key, nil
}

func readNumber(given map[string]string, name string, otherwise int) (int, error) {
	text, found := given[name]
	if !found || text == "" {
		return otherwise, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s%s is not a number", prefix, name)
	}
	return number, nil
}

// readBootstrap: absent is the default, an empty string or list means a search for a bootstrap.
func readBootstrap(given map[string]string) ([]string, error) {
	text, found := given["BOOTSTRAP"]
	if !found {
		return defaultBootstrap, nil
	}
	if text == "" {
		return nil, nil
	}
	var argv []string
	if err := json.Unmarshal([]byte(text), &argv); err != nil {
		return nil, fmt.Errorf("%sBOOTSTRAP is not a JSON list of strings", prefix)
	}
	return argv, nil
}

// ReadMounts takes only the mounts from variables.
func ReadMounts(variables []string) ([]supervise.Mount, error) {
	return readMounts(byName(variables)["MOUNTS"])
}

func readMounts(text string) ([]supervise.Mount, error) {
	if text == "" {
		return nil, nil
	}
	var mounts []supervise.Mount
	if err := json.Unmarshal([]byte(text), &mounts); err != nil {
		return nil, fmt.Errorf("%sMOUNTS is not a JSON list of mounts", prefix)
	}
	return mounts, nil
}

// readRemote: the program that fetches lies beside the agent unless it is named.
func readRemote(given map[string]string, variables []string) fetch.Remote {
	own, _ := os.Executable()
	remote := fetch.Remote{
		Program:       or(given["FETCH_PROGRAM"], filepath.Join(filepath.Dir(own), fetchProgram)),
		AllowedHosts:  readList(given["ALLOWED_CODE_HOSTS"]),
		PrivateRanges: readList(given["PRIVATE_CIDRS"]),
		Access: fetch.S3Access{
			Endpoint:        given["S3_ENDPOINT"],
			Region:          given["S3_REGION"],
			AccessKeyID:     given["S3_ACCESS_KEY_ID"],
			SecretAccessKey: given["S3_SECRET_ACCESS_KEY"],
			SessionToken:    given["S3_SESSION_TOKEN"],
		},
	}
	for _, variable := range variables {
		if name, _, _ := strings.Cut(variable, "="); slices.Contains(trustVariables, name) {
			remote.Trust = append(remote.Trust, variable)
		}
	}
	return remote
}

// readList takes what is separated by commas.
func readList(text string) []string {
	var parts []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func readValues(given map[string]string) map[string]string {
	values := map[string]string{}
	for name, value := range given {
		if rest, found := strings.CutPrefix(prefix+name, valuePrefix); found && rest != "" {
			values[rest] = value
		}
	}
	return values
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
