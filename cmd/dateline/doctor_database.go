package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/postgres"
)

const (
	maxSkew     = 2 * time.Second
	notifyLimit = 3 * time.Second
)

func checkDatabase(ctx context.Context, r *report, db *database) {
	r.add("database", ok("%s", db.description))
	conn, err := pgx.Connect(ctx, db.dsn)
	if err != nil {
		r.add("database", fail("%v", err))
		return
	}
	defer conn.Close(ctx)
	r.add("version", checkVersion(ctx, conn))
	r.add("durability", checkDurability(ctx, conn))
	r.add("schema", checkSchema(ctx, db.dsn))
	r.add("notify", checkNotify(ctx, conn, db.dsn))
	r.add("clock", checkClock(ctx, conn))
}

// checkVersion names the server and the database's encoding, which were found
// good when it was opened.
func checkVersion(ctx context.Context, conn *pgx.Conn) finding {
	var version, encoding string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('server_encoding')`).Scan(&version, &encoding)
	if err != nil {
		return fail("%v", err)
	}
	return ok("PostgreSQL %s, encoding %s", version, encoding)
}

// checkDurability finds settings with which an acknowledged post can be lost. Our
// connections set synchronous_commit themselves.
func checkDurability(ctx context.Context, conn *pgx.Conn) finding {
	off := map[string]bool{}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		if err := conn.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value); err != nil {
			return fail("%v", err)
		}
		off[name] = value == "off"
	}
	switch {
	case off["fsync"] || off["full_page_writes"]:
		return fail("fsync or full_page_writes is off: published posts can be lost in a crash of the machine; turn both on")
	case off["synchronous_commit"]:
		return warn("synchronous_commit is off by default here: this program turns it on for itself, other clients of the database may lose what they commit")
	}
	return ok("what is acknowledged survives a crash")
}

func checkSchema(ctx context.Context, dsn string) finding {
	pending, err := postgres.PendingMigrations(ctx, dsn)
	if err != nil {
		return fail("%v", err)
	}
	if pending {
		return warn("older than this program: run `dateline migrate`, or start the server")
	}
	return ok("up to date")
}

// checkNotify sends a notification from one connection to another. A pooler in
// transaction mode accepts LISTEN and then delivers nothing.
func checkNotify(ctx context.Context, conn *pgx.Conn, dsn string) finding {
	ctx, cancel := context.WithTimeout(ctx, notifyLimit)
	defer cancel()
	listener, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fail("%v", err)
	}
	defer listener.Close(ctx)
	channel := "dateline_doctor_" + strings.ToLower(rand.Text())
	if _, err := listener.Exec(ctx, "LISTEN "+channel); err != nil {
		return fail("LISTEN: %v", err)
	}
	sent := time.Now()
	if _, err := conn.Exec(ctx, `SELECT pg_notify($1, '')`, channel); err != nil {
		return fail("NOTIFY: %v", err)
	}
	if _, err := listener.WaitForNotification(ctx); err != nil {
		return fail("no notification within %s: connect to PostgreSQL directly, or through a pooler in session mode", notifyLimit)
	}
	return ok("between two connections in %s", time.Since(sent).Round(10*time.Microsecond))
}

// checkClock compares the clocks; the way to the server counts half.
func checkClock(ctx context.Context, conn *pgx.Conn) finding {
	before := time.Now()
	var there time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&there); err != nil {
		return fail("%v", err)
	}
	here := before.Add(time.Since(before) / 2)
	skew := there.Sub(here).Abs().Round(time.Millisecond)
	if skew > maxSkew {
		return warn("this machine and the database are %s apart: run NTP on both", skew)
	}
	return ok("%s apart", fmt.Sprint(skew))
}
