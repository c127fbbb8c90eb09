package fetch

import "kubelambda.io/agent/link"

// PackageDescriptor is the file that kubelambda-fetch writes a package to.
const PackageDescriptor = 3

// Order is what kubelambda-fetch reads: one source, and where code may come from.
type Order struct {
	URL *link.URLSource `json:"url,omitempty"`
	S3  *link.S3Source  `json:"s3,omitempty"`
	// AllowedHosts may be private and plain http: host or host:port.
	AllowedHosts []string `json:"allowedHosts"`
	// PrivateRanges are this cluster's own, beyond those that are nobody's.
	PrivateRanges []string `json:"privateRanges"`
	// Access is there where S3 is.
	Access *S3Access `json:"access,omitempty"`
}

// S3Access is the namespace's Secret kubelambda-s3.
type S3Access struct {
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
}

// Result is the one line that kubelambda-fetch answers.
type Result struct {
	SHA256 string `json:"sha256,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	// Error is for the function's owner; it names no credentials, paths or queries.
	Error string `json:"error,omitempty"`
}
