package main

import (
	"context"
	"os/signal"
	"syscall"
)

// signalContext ends at the first SIGTERM or SIGINT, which is how a kubelet is asked to stop.
func signalContext() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	return ctx
}
