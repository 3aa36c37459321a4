package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5/pgconn"
)

// clusterGuard holds the identity of the database that the process works with. It
// refuses connections to any other one until the listener has adopted that, so that
// no event of another history is read under an old epoch.
type clusterGuard struct {
	mu      sync.Mutex
	known   identity // the zero identity allows every database
	refused bool     // a connection was refused since the last adoption
}

// adopt makes is the identity that is allowed from now on.
func (g *clusterGuard) adopt(is identity) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known, g.refused = is, false
}

// allows reports whether a connection to a database of this identity may be used. mismatch
// reports a refusal afterwards.
func (g *clusterGuard) allows(is identity) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ok := g.known == (identity{}) || g.known == is
	g.refused = g.refused || !ok
	return ok
}

// allowsTable is allows for a query that returned the oid of the events table: that
// differs when a dump was restored under an open connection.
func (g *clusterGuard) allowsTable(oid uint32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ok := g.known == (identity{}) || g.known.EventsOID == int64(oid)
	g.refused = g.refused || !ok
	return ok
}

// mismatch reports whether a connection was refused since the last adoption.
func (g *clusterGuard) mismatch() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// adopted returns the identity of the last adoption.
func (g *clusterGuard) adopted() identity {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known
}

var (
	errStandby      = errors.New("the server is a standby")
	errOldPrimary   = errors.New("the server is an old primary that another was promoted over")
	errWrongCluster = fmt.Errorf("%w: the database is another one than before", liveblog.ErrUnavailable)
)

// acceptKnown is called for each new connection of a pool. It accepts a primary
// that the guard allows.
func (db *core) acceptKnown(ctx context.Context, c *pgconn.PgConn) error {
	is, err := serverIdentity(ctx, c)
	if err == nil && !db.guard.allows(is) {
		err = errWrongCluster
	}
	return err
}

// acceptNewer is called for each new connection outside of the pools. It accepts
// every primary but one that another was promoted over.
func (db *core) acceptNewer(ctx context.Context, c *pgconn.PgConn) error {
	is, err := serverIdentity(ctx, c)
	if err == nil && is.older(db.guard.adopted()) {
		slog.ErrorContext(ctx, "an old primary takes writes again: stop it; if it is a restored backup, restart this node", "timeline", is.Timeline)
		err = errOldPrimary
	}
	return err
}
