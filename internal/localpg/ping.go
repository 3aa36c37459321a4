//go:build unix

package localpg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func (c *Cluster) ping(ctx context.Context, db string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.DSN(db))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}

// answers reports whether the cluster's server is behind the socket, even if it is starting
// or stopping.
func (c *Cluster) answers(ctx context.Context) bool {
	err := c.ping(ctx, maintenance)
	return err == nil || sqlState(err) == cannotConnectNow
}

const (
	cannotConnectNow  = "57P03"
	duplicateDatabase = "42P04"
	invalidPassword   = "28P01"
)

// isRefusal reports whether the error will not change by waiting: the password is wrong.
func isRefusal(err error) bool { return sqlState(err) == invalidPassword }

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func (c *Cluster) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.DSN(maintenance))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists bool
	const query = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := conn.QueryRow(ctx, query, Database).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+Database)
	if sqlState(err) == duplicateDatabase {
		return nil
	}
	return err
}
