package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// healthCommand asks a server on this machine, as container health checks need:
// the image has no other program.
type healthCommand struct{}

// Run is called by kong.
func (*healthCommand) Run(ctx context.Context, c *Config, term console) error {
	if err := ready(ctx, "http://"+localHost(c.Listen)); err != nil {
		return err
	}
	fmt.Fprintln(term.out, "ready")
	return nil
}

// ready returns nil when the server at base says so.
func ready(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no server answers at %s: %w", base, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server at %s is not ready: %s", base, res.Status)
	}
	return nil
}
