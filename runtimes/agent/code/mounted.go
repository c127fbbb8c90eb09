package code

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	mountedBytesMax = 4 * 1024 * 1024
	mountedPoll     = 200 * time.Millisecond
)

// ErrChanged means that the mounted files are not, or no longer, those that were meant.
var ErrChanged = errors.New("the mounted code is not the version that was asked for")

// CopyMounted copies the files of a mounted ConfigMap once they have the digest that is wanted,
// which the kubelet may take a moment to bring; after patience has run out it gives ErrChanged.
func CopyMounted(place Place, mount, digest string, patience time.Duration) error {
	end := time.Now().Add(patience)
	for {
		files, err := readMounted(mount)
		if err != nil {
			return err
		}
		if Digest(files) == digest {
			return writeFiles(place, files)
		}
		if !time.Now().Before(end) {
			return ErrChanged
		}
		time.Sleep(mountedPoll)
	}
}

// Digest is the twin of kubelambda.core.packages.code_digest.digest_files.
func Digest(files map[string][]byte) string {
	digest := sha256.New()
	for _, name := range sortedNames(files) {
		fmt.Fprintf(digest, "%s\n%d\n", name, len(files[name]))
		digest.Write(files[name])
	}
	return base64.StdEncoding.EncodeToString(digest.Sum(nil))
}

// readMounted follows the kubelet's symbolic links and passes over its "..data".
func readMounted(mount string) (map[string][]byte, error) {
	entries, err := os.ReadDir(mount)
	if err != nil {
		return nil, err
	}
	files, total := map[string][]byte{}, 0
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(mount, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was just taken out of the ConfigMap: the digest will tell
		}
		if err != nil {
			return nil, err
		}
		if total += len(content); total > mountedBytesMax {
			return nil, refuse("mounted code of over %d bytes", mountedBytesMax)
		}
		files[entry.Name()] = content
	}
	return files, nil
}

func writeFiles(place Place, files map[string][]byte) error {
	target, err := openTarget(place)
	if err != nil {
		return err
	}
	defer target.root.Close()
	for name, content := range files {
		clean, err := cleanFileName(name)
		if err != nil {
			return err
		}
		if err := target.writeFile(clean, modeOf(content), bytes.NewReader(content)); err != nil {
			return err
		}
	}
	return nil
}
