package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

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

// What has nothing to prune is neither written nor waited for, and no audit row
// says that nothing was done. Of a blog that is pruned, its own row says so.
func TestPruneEvents_TouchesOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	long, short := newBlog(t, db), newBlog(t, db)
	for i := range 10 {
		publish(t, db, newPost(long, fmt.Sprint(i)))
	}
	publish(t, db, newPost(short, "only"))
	held, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback(context.Background()) }()
	if _, err := held.Exec(t.Context(), `SELECT FROM blogs WHERE id = $1 FOR UPDATE`, short.ID); err != nil {
		t.Fatal(err)
	}
	for round, want := range []int64{6, 0, 0} {
		if n, err := db.PruneEvents(t.Context(), nobody, nil, 4); err != nil || n != want {
			t.Errorf("round %d: %d events pruned, %v", round, n, err)
		}
	}
	var rows int64
	var object string
	err = db.Pool().QueryRow(t.Context(), `SELECT count(*), min(object) FROM audit WHERE action = 'events.prune'`).Scan(&rows, &object)
	if err != nil || rows != 1 || object != long.ID.String() {
		t.Errorf("%d audit rows, of %s: %v", rows, object, err)
	}
	mustExec(t, db, `UPDATE blogs SET low_seq = 8 WHERE id = $1`, long.ID) // as one that died after it
	if n, err := db.PruneEvents(t.Context(), nobody, nil, 4); err != nil || n != 2 {
		t.Errorf("%d events of an earlier pruning are deleted, %v", n, err)
	}
}

// One node at a time does the upkeep, once per interval.
func TestUpkeep_OneNodeOncePerInterval(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	runs := 0
	ran, err := db.Upkeep(t.Context(), 0, func(ctx context.Context) error {
		again, err := db.Upkeep(ctx, 0, func(context.Context) error { runs++; return nil })
		if again {
			t.Error("two at a time")
		}
		runs++
		return err
	})
	if !ran || err != nil || runs != 1 {
		t.Errorf("ran %t, %d times, %v", ran, runs, err)
	}
	for _, c := range []struct {
		set  string
		want bool
	}{{`UPDATE upkeep SET at = now() - interval '9 minutes'`, false}, {`UPDATE upkeep SET at = now() - interval '11 minutes'`, true}, {`UPDATE upkeep SET at = now() + interval '1 hour'`, true}} {
		mustExec(t, db, c.set)
		if ran, err := db.Upkeep(t.Context(), 10*time.Minute, func(context.Context) error { return nil }); ran != c.want || err != nil {
			t.Errorf("%s: ran %t, %v", c.set, ran, err)
		}
	}
}

func expectHead(t *testing.T, db *postgres.DB, blog *liveblog.Blog, low, last int64) {
	t.Helper()
	got, err := db.Heads(t.Context(), []uuid.UUID{blog.ID})
	if err != nil || len(got) != 1 || got[0].LowSeq != low || got[0].LastSeq != last {
		t.Errorf("head is %+v, %v, want %d to %d", got, err, low, last)
	}
}
