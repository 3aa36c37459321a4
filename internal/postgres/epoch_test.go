package postgres_test

import (
	"fmt"
	"sync"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

func headOf(t *testing.T, db *postgres.DB, blog *liveblog.Blog) liveblog.Head {
	t.Helper()
	heads, err := db.Heads(t.Context(), []uuid.UUID{blog.ID})
	if err != nil || len(heads) != 1 {
		t.Fatalf("%d heads, %v", len(heads), err)
	}
	return heads[0]
}

// A new epoch begins only if the log is not the one that was sent to readers, and once,
// however many nodes notice. It begins for all blogs, since a backup has them all.
func TestRenewEpochs_OnceAndOnlyForAnotherLog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog, silent := newBlog(t, db), newBlog(t, db)
	for i := range 8 {
		publish(t, db, newPost(blog, fmt.Sprint(i)))
	}
	if _, err := db.PruneEvents(t.Context(), nobody, &blog.ID, 5); err != nil {
		t.Fatal(err)
	}
	all, err := db.EventsAfter(t.Context(), blog.ID, 3, 10)
	if err != nil {
		t.Fatal(err)
	}
	now := headOf(t, db, blog)
	sent := func(seq int64, chain liveblog.Chain) liveblog.Head {
		return liveblog.Head{BlogID: blog.ID, Epoch: now.Epoch, LastSeq: seq, Chain: chain}
	}
	low := liveblog.Chain("")
	if err := db.Pool().QueryRow(t.Context(), `SELECT encode(low_chain, 'hex') FROM blogs WHERE id = $1`, blog.ID).Scan(&low); err != nil {
		t.Fatal(err)
	}
	other := liveblog.Chain("0123456789abcdef")
	old := sent(8, other)
	old.Epoch = "another"
	for name, same := range map[string]liveblog.Head{
		"the head": sent(8, now.Chain), "an event": sent(5, all[1].Chain), "the horizon": sent(3, low),
		"what was pruned": sent(2, other), "an epoch that is over": old,
	} {
		if err := db.RenewEpochs(t.Context(), same); err != nil || headOf(t, db, blog).Epoch != now.Epoch {
			t.Fatalf("%s: a new epoch, %v", name, err)
		}
	}
	for name, lost := range map[string]liveblog.Head{
		"the head": sent(8, other), "an event": sent(5, other), "the horizon": sent(3, other), "beyond the head": sent(9, now.Chain),
	} {
		lost.Epoch = headOf(t, db, blog).Epoch
		before := headOf(t, db, silent).Epoch
		var nodes sync.WaitGroup
		for range 4 {
			nodes.Go(func() {
				if err := db.RenewEpochs(t.Context(), lost); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		after := headOf(t, db, blog)
		if after.Epoch == lost.Epoch || headOf(t, db, silent).Epoch == before || after.LastSeq != 8 {
			t.Errorf("%s is another one: no new epoch", name)
		}
		if err := db.RenewEpochs(t.Context(), lost); err != nil || headOf(t, db, blog).Epoch != after.Epoch {
			t.Errorf("%s: one more epoch, %v", name, err)
		}
	}
}
