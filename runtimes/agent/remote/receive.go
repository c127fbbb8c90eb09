package remote

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
)

// receive writes a body to file from its beginning, within the limit.
func receive(response *http.Response, file *os.File, limit int64) (string, int64, error) {
	if response.ContentLength > limit {
		return "", 0, tooBig(limit)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", 0, again("the package cannot be written: %v", reasonOf(err))
	}
	if err := file.Truncate(0); err != nil {
		return "", 0, again("the package cannot be written: %v", reasonOf(err))
	}
	digest := sha256.New()
	received, err := io.Copy(io.MultiWriter(file, digest), io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return "", 0, err
	case received > limit:
		return "", 0, tooBig(limit)
	}
	return hex.EncodeToString(digest.Sum(nil)), received, nil
}

func tooBig(limit int64) error {
	return refuse("Zipped size must be smaller than %d bytes", limit)
}
