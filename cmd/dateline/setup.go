package main

import (
	"context"
	"errors"
	"fmt"
)

// setupCommand prints the link for the first user, where the server's output is
// not a terminal: containers and services.
type setupCommand struct{}

// Run is called by kong.
func (*setupCommand) Run(ctx context.Context, c *Config, term console) error {
	public, err := c.publicURL()
	if err != nil {
		return err
	}
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	link, err := makeSetupLink(ctx, db, public)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	fmt.Fprintln(term.out, link)
	return nil
}
