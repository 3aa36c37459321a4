package main

import (
	"context"
	"fmt"
)

// migrateCommand brings the schema up to date. serve does it too; a deployment
// that gives the server fewer rights runs this first.
type migrateCommand struct{}

// Run is called by kong.
func (*migrateCommand) Run(ctx context.Context, c *Config, term console) error {
	if err := awaitDatabase(ctx, c); err != nil {
		return err
	}
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintln(term.out, "The schema is up to date in", db.description)
	return db.Close()
}
