package main

import (
	"context"
	"errors"
	"fmt"
)

// epochCommand makes readers start again, for restores that the program can't
// notice by itself.
type epochCommand struct {
	Blog string `placeholder:"SLUG" help:"Only the readers of this blog."`
}

// Run is called by kong.
func (e *epochCommand) Run(ctx context.Context, c *Config, term console) error {
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	n, err := e.renew(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	fmt.Fprintf(term.out, "Readers of %d blogs will start again within a second.\n", n)
	return nil
}

func (e *epochCommand) renew(ctx context.Context, db *database) (int64, error) {
	only, err := blogNamed(ctx, db, e.Blog)
	if err != nil {
		return 0, err
	}
	return db.NewEpoch(ctx, operator(), only)
}
