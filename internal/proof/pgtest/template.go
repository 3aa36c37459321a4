package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"sync"

	"github.com/jackc/pgx/v5"

	"dateline/internal/postgres"
	"dateline/migrations"
)

// templateLock is the advisory lock under which templates are made: any
// constant, in the maintenance database of the cluster.
const templateLock = 0x64617465 // "date"

var templates struct {
	sync.Mutex
	made bool
}

// templateName holds a digest of the migrations: changed ones make another template.
var templateName = sync.OnceValue(func() string {
	h := sha256.New()
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			panic(err) // the file is embedded
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
	return "dateline_template_" + hex.EncodeToString(h.Sum(nil)[:6])
})

// template makes sure that the template exists. Test binaries ask at the same
// time: the advisory lock lets one make it.
func template(ctx context.Context, admin string) error {
	templates.Lock()
	defer templates.Unlock()
	if templates.made {
		return nil
	}
	err := connected(ctx, admin, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, templateLock); err != nil {
			return err
		}
		return makeTemplate(ctx, conn, admin)
	})
	templates.made = err == nil
	return err
}

// makeTemplate migrates under another name first, so that a template that
// exists is complete.
func makeTemplate(ctx context.Context, conn *pgx.Conn, admin string) error {
	var exists bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, templateName()).Scan(&exists)
	if err != nil || exists {
		return err
	}
	unfinished := templateName() + "_new"
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + unfinished + " WITH (FORCE)", "CREATE DATABASE " + unfinished} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	if err := postgres.Migrate(ctx, withDatabase(admin, unfinished)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+unfinished+" RENAME TO "+templateName())
	return err
}
