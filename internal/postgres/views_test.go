package postgres_test

import (
	"testing"

	"dateline/internal/pgtest"

	"github.com/google/uuid"
)

func TestViews(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, other := newBlog(t, db), newBlog(t, db)
	a, b := publish(t, db, newPost(blog, "a")), publish(t, db, newPost(other, "b"))
	node1, node2 := uuid.New(), uuid.New()
	for range 2 {
		for node, n := range map[uuid.UUID]int64{node1: 3, node2: 4} {
			counts := map[uuid.UUID]int64{a.Post.ID: n, b.Post.ID: 9, uuid.New(): 1}
			if err := db.AddViews(t.Context(), node, blog.ID, counts, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	counts, err := db.Counts(t.Context(), []uuid.UUID{blog.ID, other.ID}, true)
	if err != nil {
		t.Fatal(err)
	}
	if c := counts[blog.ID]; c.Posts[a.Post.ID] != 14 || len(c.Posts) != 1 || c.Readers != 7 {
		t.Errorf("counts are %+v", c)
	}
	if c := counts[other.ID]; len(c.Posts) != 0 {
		t.Errorf("views of one blog were counted for another: %+v", c)
	}
}
