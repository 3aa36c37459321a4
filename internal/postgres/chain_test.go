package postgres_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"
	"dateline/migrations"

	"github.com/google/uuid"
)

// chains reads the log of a blog and checks that each event's chain is that of the
// one before it, continued.
func chains(t *testing.T, db *postgres.DB, blog *liveblog.Blog) (all []liveblog.Chain) {
	t.Helper()
	events, err := db.EventsAfter(t.Context(), blog.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	chain := liveblog.Genesis
	for _, ev := range events {
		if chain = chain.Next(ev); ev.Chain != chain {
			t.Fatalf("event %d has the chain %s, not %s", ev.Seq, ev.Chain, chain)
		}
		all = append(all, chain)
	}
	heads, err := db.Heads(t.Context(), []uuid.UUID{blog.ID})
	if err != nil || len(heads) != 1 || heads[0].Chain != chain {
		t.Errorf("the head is %+v, %v, want the chain %s", heads, err, chain)
	}
	return all
}

// Whatever appends to a log goes on with the chain of what was there, however many
// publish at once.
func TestChain_EachEventContinuesTheOneBefore(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, silent := newBlog(t, db), newBlog(t, db)
	var publishers sync.WaitGroup
	for i := range 8 {
		publishers.Go(func() {
			for n := range 10 {
				w := publish(t, db, newPost(blog, fmt.Sprint(i, n)))
				if _, err := db.RemovePost(t.Context(), nobody, ref(w), anyone); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishers.Wait()
	w := publish(t, db, newPost(blog, "pinned"))
	if _, err := db.Pin(t.Context(), nobody, blog.ID, &w.Post.ID); err != nil {
		t.Fatal(err)
	}
	if all := chains(t, db, blog); len(all) != 162 {
		t.Errorf("%d events", len(all))
	}
	if all := chains(t, db, silent); len(all) != 0 || silent.Chain != liveblog.Genesis {
		t.Errorf("a silent blog has %d events and the chain %s", len(all), silent.Chain)
	}
	page, err := db.Page(t.Context(), blog.Slug, liveblog.PageQuery{Limit: 10})
	list, listErr := db.Posts(t.Context(), liveblog.PostQuery{BlogID: blog.ID, Status: liveblog.PostPublished, Limit: 10})
	if err != nil || listErr != nil || page.Blog.Chain == "" || page.Blog.Chain != list.Chain {
		t.Errorf("page and list have the chains %q and %q, %v, %v", page.Blog.Chain, list.Chain, err, listErr)
	}
}

// What was written before the log was a chain gets the one it would have got.
func TestChain_IsMadeForWhatIsThere(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first, second := newBlog(t, db), newBlog(t, db)
	for i := range 20 {
		publish(t, db, newPost(first, fmt.Sprint(i)))
		publish(t, db, newPost(second, fmt.Sprint(i)))
	}
	want := [][]liveblog.Chain{chains(t, db, first), chains(t, db, second)}
	mustExec(t, db, `DROP TRIGGER events_chain ON events`)
	mustExec(t, db, `DROP FUNCTION chain_event, event_chain`)
	mustExec(t, db, `ALTER TABLE events DROP COLUMN chain`)
	mustExec(t, db, `ALTER TABLE blogs DROP COLUMN chain, DROP COLUMN low_chain`)
	file, err := migrations.FS.ReadFile("0002_chain.sql")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Conn().PgConn().Exec(t.Context(), string(file)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	db.Pool().Reset() // plans of the tables as they were
	publish(t, db, newPost(first, "after it"))
	for i, blog := range []*liveblog.Blog{first, second} {
		if got := chains(t, db, blog)[:20]; !slices.Equal(got, want[i]) {
			t.Errorf("the chain is %s, was %s", got, want[i])
		}
	}
}

// Of the last event that is pruned the chain is kept, also when all are.
func TestChain_IsKnownAtTheHorizon(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	for i := range 10 {
		publish(t, db, newPost(blog, fmt.Sprint(i)))
	}
	all := chains(t, db, blog)
	for _, keep := range []int64{4, 4, 0} {
		if _, err := db.PruneEvents(t.Context(), nobody, &blog.ID, keep); err != nil {
			t.Fatal(err)
		}
		var low liveblog.Chain
		if err := db.Pool().QueryRow(t.Context(), `SELECT encode(low_chain, 'hex') FROM blogs WHERE id = $1`, blog.ID).Scan(&low); err != nil {
			t.Fatal(err)
		}
		if low != all[9-keep] {
			t.Errorf("with %d kept the chain at the horizon is %s, want %s", keep, low, all[9-keep])
		}
	}
}

// While nodes of two versions run, the older one writes events without a chain.
func TestChain_OfANodeOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	w := publish(t, db, newPost(blog, "one"))
	for seq := int64(2); seq <= 4; seq++ {
		mustExec(t, db, `UPDATE blogs SET last_seq = last_seq + 1 WHERE id = $1`, blog.ID)
		mustExec(t, db, `INSERT INTO events (blog_id, seq, type, post_id, version) VALUES ($1, $2, 'update', $3, $2)`, blog.ID, seq, w.Post.ID)
	}
	publish(t, db, newPost(blog, "two"))
	if all := chains(t, db, blog); len(all) != 5 {
		t.Errorf("%d events", len(all))
	}
}
