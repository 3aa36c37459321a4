//go:build unix

// Command chaos breaks a real installation in every way that docs/reliability.md
// lists, while clients publish and read, and judges what they saw. It is a test
// program: `make chaos` is the full run.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"dateline/internal/proof/chaos/run"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal kills
	}()
	var o run.Options
	kong.Parse(&o, kong.Name("chaos"), kong.Description("Breaks a real installation and judges what its clients saw."))
	if err := o.Run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}
