package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"
)

// pruneCommand lets go of old events.
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
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	n, err := p.prune(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	fmt.Fprintf(term.out, "%d events are gone. Readers who were further behind start again.\n", n)
	return nil
}

func (p *pruneCommand) prune(ctx context.Context, db *database) (int64, error) {
	only, err := blogNamed(ctx, db, p.Blog)
	if err != nil {
		return 0, err
	}
	return db.PruneEvents(ctx, operator(), only, p.Keep)
}

// blogNamed finds the blog of a --blog flag; without one it is all blogs, nil.
func blogNamed(ctx context.Context, db *database, slug string) (*uuid.UUID, error) {
	if slug == "" {
		return nil, nil
	}
	blog, err := db.Blog(ctx, slug)
	if err != nil {
		return nil, fmt.Errorf("--blog %s: %w", slug, err)
	}
	return &blog.ID, nil
}
