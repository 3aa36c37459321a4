package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/jackc/pgx/v5"
)

// holdTable locks a table against all who read it, and returns what lets go.
func holdTable(t *testing.T, db *postgres.DB, table string) (release func()) {
	t.Helper()
	tx, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE "+pgx.Identifier{table}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Commit(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// awaitWaiter returns when somebody waits for a table.
func awaitWaiter(t *testing.T, db *postgres.DB, table string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for waits := false; !waits; <-tick.C {
		err := db.Pool().QueryRow(t.Context(), `
			SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass)`, table).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A prune that commits while a page of the log is read takes nothing from it: the
// events were read, and their posts are read of the same moment.
func TestEventsAfter_PrunedWhileItReads(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	for i := range 5 {
		publish(t, db, newPost(blog, fmt.Sprint(i)))
	}
	title := "Renamed"
	if _, err := db.EditBlog(t.Context(), nobody, blog.ID, 0, liveblog.BlogPatch{Title: &title}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EventsAfter(t.Context(), blog.ID, 0, 10); err != nil { // prepares the statements
		t.Fatal(err)
	}
	release := holdTable(t, db, "users") // which the posts are read with, and the events are not
	type answer struct {
		events []liveblog.Event
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		events, err := db.EventsAfter(t.Context(), blog.ID, 0, 10)
		answered <- answer{events, err}
	}()
	awaitWaiter(t, db, "users")
	if n, err := db.PruneEvents(t.Context(), nobody, &blog.ID, 0); err != nil || n != 6 {
		t.Fatalf("%d events pruned, %v", n, err)
	}
	release()
	a := <-answered
	if a.err != nil || len(a.events) != 6 {
		t.Fatalf("%d events, %v", len(a.events), a.err)
	}
	for _, ev := range a.events[:5] {
		if ev.Post == nil || ev.Post.Status != liveblog.PostPublished {
			t.Errorf("event %d has the post %+v", ev.Seq, ev.Post)
		}
	}
	if last := a.events[5]; last.Blog == nil || last.Blog.Title != title || last.Blog.LastSeq != 6 {
		t.Errorf("the event of the blog has %+v", last.Blog)
	}
}

// An event and the blog it tells of are of one moment too.
func TestEventsAfter_BlogIsOfTheSameMoment(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	w := publish(t, db, newPost(blog, "pinned"))
	if _, err := db.Pin(t.Context(), nobody, blog.ID, &w.Post.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EventsAfter(t.Context(), blog.ID, 0, 10); err != nil { // prepares the statements
		t.Fatal(err)
	}
	release := holdTable(t, db, "users")
	answered := make(chan []liveblog.Event, 1)
	go func() {
		events, err := db.EventsAfter(t.Context(), blog.ID, 1, 10)
		if err != nil {
			t.Error(err)
		}
		answered <- events
	}()
	awaitWaiter(t, db, "users")
	mustExec(t, db, `UPDATE blogs SET title = 'later', pinned_post_id = NULL`)
	release()
	events := <-answered
	if len(events) != 1 || events[0].Blog == nil || events[0].Blog.Title != "Blog" || events[0].Pinned == nil {
		t.Errorf("got %+v", events)
	}
}

// A page of long texts is short, so that who is far behind does not make the node
// read what is not sent; nothing is left out, and there is always one event.
func TestEventsAfter_PageIsBoundedByItsTexts(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	const posts, long, most = 24, 64 << 10, 512 << 10
	for i := range posts {
		p := newPost(blog, fmt.Sprint(i))
		p.Body = strings.Repeat("x", long)
		if p.HTML, p.Text = p.Body, p.Body; i == 10 {
			p.HTML = strings.Repeat("x", 2*most)
		}
		publish(t, db, p)
	}
	for after, pages := int64(0), 0; after < posts; pages++ {
		events, err := db.EventsAfter(t.Context(), blog.ID, after, 256)
		if err != nil || len(events) == 0 || pages > posts {
			t.Fatal(len(events), err)
		}
		size := 0
		for _, ev := range events {
			if ev.Seq != after+1 || ev.Post == nil {
				t.Fatalf("event %d comes after %d, with the post %v", ev.Seq, after, ev.Post)
			}
			if after++; size > most {
				t.Errorf("%d bytes come before event %d of a page", size, ev.Seq)
			}
			size += len(ev.Post.Body) + len(ev.Post.HTML) + len(ev.Post.Text)
		}
	}
	one := newBlog(t, db)
	for range 5 {
		publish(t, db, newPost(one, "short"))
	}
	if events, err := db.EventsAfter(t.Context(), one.ID, 1, 256); err != nil || len(events) != 4 {
		t.Errorf("of short texts %d events come together, %v", len(events), err)
	}
}
