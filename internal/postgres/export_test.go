package postgres

import (
	"context"
	"testing"
)

// PretendTimeline makes a store remember a server of this timeline.
func PretendTimeline(t testing.TB, db *DB, timeline string) {
	t.Helper()
	conn, err := db.connect(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer closeConn(conn)
	is, err := serverIdentity(context.Background(), conn.PgConn())
	if err != nil {
		t.Fatal(err)
	}
	is.Timeline = timeline
	db.fence.adopted(is)
}
