package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// OldestServer is the first server_version_num that the schema works with: PostgreSQL 14.
const OldestServer = 140000

// sessionParameters are the settings that the statements rely on. Server, database
// and user may have other defaults: with repeatable read, two concurrent publishers
// of a blog would fail. The names are in lower case, as prepare compares them.
var sessionParameters = map[string]string{
	"default_transaction_isolation": "read committed",
	"client_encoding":               "UTF8",
	"standard_conforming_strings":   "on",
	"timezone":                      "UTC",
	"datestyle":                     "ISO, YMD",
	// The pools set limits of their own. Others would end migrations and the listener.
	"statement_timeout":                   "0",
	"lock_timeout":                        "0",
	"idle_session_timeout":                "0",
	"idle_in_transaction_session_timeout": "0",
}

// Values of synchronous_commit with which acknowledged commits can be lost: in a
// crash of a server without standby, or in a fail-over to a synchronous standby.
var (
	weakAlone      = []string{"off"}
	weakReplicated = []string{"off", "local", "remote_write"}
)

// requireDurable returns a function for each new connection. It replaces a weak
// default of synchronous_commit by "on" and keeps stricter ones.
func requireDurable(weak []string) func(context.Context, *pgconn.PgConn) error {
	return func(ctx context.Context, c *pgconn.PgConn) error {
		const sql = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = ANY (string_to_array($1, ' '))`
		return c.ExecParams(ctx, sql, [][]byte{[]byte(strings.Join(weak, " "))}, nil, nil, nil).Read().Err
	}
}

// CheckServer returns an error that says what to do if the server is too old or the
// database cannot store all texts.
func CheckServer(ctx context.Context, conn *pgx.Conn) error {
	var number int
	var version, encoding, name string
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		       current_setting('server_encoding'), current_database()`).Scan(&number, &version, &encoding, &name)
	switch {
	case err != nil:
		return readErr(err, "server settings")
	case number < OldestServer:
		return fmt.Errorf("PostgreSQL %s is too old: upgrade it to %d or newer", version, OldestServer/10000)
	case encoding != "UTF8":
		return fmt.Errorf("the database %q has the encoding %s, which can't hold all texts: make one with "+
			"`createdb --template=template0 --encoding=UTF8 --locale=C.UTF-8 NAME`, restore what there is into it from a dump, and set DATABASE_URL to it", name, encoding)
	}
	return nil
}
