package postgres_test

import (
	"fmt"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/pgtest"
	"dateline/internal/postgres"

	"github.com/google/uuid"
)

func TestPruneEvents_KeepsTheNewest(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	long, short := newBlog(t, db), newBlog(t, db)
	for i := range 10 {
		publish(t, db, newPost(long, fmt.Sprint(i)))
	}
	publish(t, db, newPost(short, "only"))
	for round, want := range []int64{6, 0} {
		if n, err := db.PruneEvents(t.Context(), nobody, nil, 4); err != nil || n != want {
			t.Errorf("round %d: %d events pruned, %v", round, n, err)
		}
	}
	expectHead(t, db, long, 6, 10)
	expectHead(t, db, short, 0, 1)
	events, err := db.EventsAfter(t.Context(), long.ID, 6, 100)
	if err != nil || len(events) != 4 || events[0].Seq != 7 {
		t.Errorf("%d events are left, %v", len(events), err)
	}
	if n, err := db.PruneEvents(t.Context(), nobody, &short.ID, 0); err != nil || n != 1 {
		t.Errorf("one blog: %d events pruned, %v", n, err)
	}
	expectHead(t, db, short, 1, 1)
	expectHead(t, db, long, 6, 10)
}

// More than one batch goes, in one call.
func TestPruneEvents_Many(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	mustExec(t, db, `
		INSERT INTO events (blog_id, seq, type, version, chain) SELECT $1, n, 'blog', n, int8send(n) FROM generate_series(1, 12000) n`, blog.ID)
	mustExec(t, db, `UPDATE blogs SET last_seq = 12000 WHERE id = $1`, blog.ID)
	if n, err := db.PruneEvents(t.Context(), nobody, nil, 500); err != nil || n != 11500 {
		t.Errorf("%d events pruned, %v", n, err)
	}
}

func expectHead(t *testing.T, db *postgres.DB, blog *liveblog.Blog, low, last int64) {
	t.Helper()
	got, err := db.Heads(t.Context(), []uuid.UUID{blog.ID})
	if err != nil || len(got) != 1 || got[0].LowSeq != low || got[0].LastSeq != last {
		t.Errorf("head is %+v, %v, want %d to %d", got, err, low, last)
	}
}
