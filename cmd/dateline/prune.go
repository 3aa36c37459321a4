package main

import (
	"context"
	"fmt"
	"math"

	"github.com/google/uuid"
)

// pruneCommand deletes old events.
type pruneCommand struct {
	Keep int64  `required:"" placeholder:"N" help:"How many of the newest events of each blog to keep."`
	Blog string `placeholder:"SLUG" help:"Only the events of this blog."`
}

// Validate is called by kong.
func (p *pruneCommand) Validate() error { return checkKeep("--keep", p.Keep) }

func checkKeep(flag string, n int64) error {
	if n < 0 || n > math.MaxInt32 {
		return fmt.Errorf("%s %d must be a number of events", flag, n)
	}
	return nil
}

// Run is called by kong.
func (p *pruneCommand) Run(ctx context.Context, c *Config, term console) error {
	n, err := onBlogs(ctx, c, p.Blog, func(db *database, only *uuid.UUID) (int64, error) {
		return db.PruneEvents(ctx, operator(), only, p.Keep)
	})
	if err == nil {
		fmt.Fprintf(term.out, "%d events are gone. Readers who were further behind start again.\n", n)
	}
	return err
}
