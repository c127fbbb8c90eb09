//go:build tools

// Package tools pins the versions of the programs that tests need and that cannot be downloaded.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
