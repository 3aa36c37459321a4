package postgres_test

import (
	"testing"

	"dateline/internal/proof/pgtest"
)

// Capacity planners and the benchmark rely on these counts.
func TestStatements_CountsWhatIsRead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	publish(t, db, newPost(blog, "One"))
	reads, log := db.Statements()
	if _, err := db.EventsAfter(t.Context(), blog.ID, 0, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Blog(t.Context(), blog.Slug); err != nil {
		t.Fatal(err)
	}
	nowReads, nowLog := db.Statements()
	if nowReads != reads+1 || nowLog != log+6 {
		t.Errorf("%d reads and %d of the log, want 1 and 6: events, posts, the blog and its pin, in a transaction", nowReads-reads, nowLog-log)
	}
}
