package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"dateline/internal/wait"
)

// Pauses between tries to connect: each is twice the one before.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 2 * time.Second
)

// awayError is a failure to connect that may pass by itself.
type awayError struct{ text string }

// Error says what to do if it doesn't.
func (e *awayError) Error() string { return e.text }

// isTransient reports whether a failure to connect may pass by itself: the server is
// not reached, or it is starting, stopping or full.
func isTransient(err error) bool {
	if e, answered := errors.AsType[*pgconn.PgError](err); answered {
		return e.Code == notYetAccepting || e.Code == tooManyClients
	}
	_, unreached := errors.AsType[net.Error](err)
	return unreached || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// awaitDatabase returns when PostgreSQL answers, when it has not answered for
// c.DatabaseWait, or when waiting would not help. After a machine starts, nodes and
// their database come up in any order.
func awaitDatabase(ctx context.Context, c *Config) error {
	if c.DatabaseURL == "" {
		return nil // our own is started, and waited for, by openDatabase
	}
	began, pause := time.Now(), firstPause
	for {
		err := tryConnect(ctx, c.DatabaseURL)
		if _, away := errors.AsType[*awayError](err); !away || ctx.Err() != nil {
			return err
		}
		left := c.DatabaseWait - time.Since(began)
		if left <= 0 {
			return fmt.Errorf("%w; it was tried for %s, see --database-wait", err, c.DatabaseWait)
		}
		slog.WarnContext(ctx, "waiting for PostgreSQL", "error", err, "at_most", left.Round(time.Second).String())
		wait.For(ctx, min(pause, left))
		pause = min(2*pause, maxPause)
	}
}
