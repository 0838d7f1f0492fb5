//go:build tools

// Package tools pins what the control plane of the tests is built from.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
