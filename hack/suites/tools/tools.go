//go:build tools

// Package tools pins the suites that hack/conformance runs, by go.mod and go.sum.
package tools

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
