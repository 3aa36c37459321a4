package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// epochCommand makes readers start again after a restore that the program can't
// detect by itself.
type epochCommand struct {
	Blog string `placeholder:"SLUG" help:"Only the readers of this blog."`
}

// Run is called by kong.
func (e *epochCommand) Run(ctx context.Context, c *Config, term console) error {
	n, err := onBlogs(ctx, c, e.Blog, func(db *database, only *uuid.UUID) (int64, error) {
		return db.NewEpoch(ctx, operator(), only)
	})
	if err == nil {
		fmt.Fprintf(term.out, "Readers of %d blogs will start again within a second.\n", n)
	}
	return err
}

// onBlogs does something with the blog of a --blog flag, or with all blogs, and
// returns what came of it.
func onBlogs(ctx context.Context, c *Config, slug string, do func(db *database, only *uuid.UUID) (int64, error)) (n int64, err error) {
	db, err := openMigrated(ctx, c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	only, err := blogNamed(ctx, db, slug)
	if err != nil {
		return 0, err
	}
	return do(db, only)
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
