package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

// hall is an audience that notes what it hears.
type hall struct {
	watched []uuid.UUID
	woken   chan int64
	heads   chan liveblog.Head
}

func (h *hall) Wake(_ uuid.UUID, seq int64) { h.woken <- seq }
func (h *hall) Watched() []uuid.UUID        { return h.watched }
func (h *hall) Heads(heads []liveblog.Head) {
	for _, head := range heads {
		h.heads <- head
	}
}

func startListener(t *testing.T, db *postgres.DB, h *hall) *postgres.Listener {
	l := postgres.NewListener(db, h)
	bell := postgres.NewBell(db)
	db.OnWrite(bell.Ring)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { l.Run(ctx) })
	parts.Go(func() { bell.Run(ctx) })
	t.Cleanup(func() { cancel(); parts.Wait() })
	return l
}

func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func TestListener_HearsThenReadsHeadsAgainAfterALoss(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	h := &hall{watched: []uuid.UUID{blog.ID}, woken: make(chan int64, 100), heads: make(chan liveblog.Head, 100)}
	startListener(t, db, h)
	if head := within(t, h.heads, "heads at the start"); head.LastSeq != 0 {
		t.Errorf("head is %+v", head)
	}
	publish(t, db, newPost(blog, "one"))
	if seq := within(t, h.woken, "notification"); seq != 1 {
		t.Errorf("woken for %d", seq)
	}
	for range 3 {
		_, err := db.Pool().Exec(t.Context(), `
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'dateline listener' AND datname = current_database()`)
		if err != nil {
			t.Fatal(err)
		}
		if head := within(t, h.heads, "heads after the loss"); head.LastSeq != 1 {
			t.Errorf("head is %+v", head)
		}
	}
	publish(t, db, newPost(blog, "two"))
	for within(t, h.woken, "notification after the loss") != 2 {
	}
}

func TestListener_PollsWithoutNotifications(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	h := &hall{watched: []uuid.UUID{blog.ID}, woken: make(chan int64, 100), heads: make(chan liveblog.Head, 100)}
	l := postgres.NewListener(db, h)
	ctx, cancel := context.WithCancel(t.Context())
	var polling sync.WaitGroup
	polling.Go(func() { l.Poll(ctx) })
	defer polling.Wait()
	defer cancel()
	publish(t, db, newPost(blog, "one"))
	if head := within(t, h.heads, "poll"); head.LastSeq != 1 {
		t.Errorf("head is %+v", head)
	}
}

// Whatever another session writes to the channel does no harm.
func TestListener_PassesOverNoise(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	h := &hall{watched: []uuid.UUID{blog.ID}, woken: make(chan int64, 100), heads: make(chan liveblog.Head, 100)}
	startListener(t, db, h)
	within(t, h.heads, "heads")
	for _, noise := range []string{"", "hello", "x:1", blog.ID.String(), blog.ID.String() + ":", blog.ID.String() + ":-1",
		"{" + blog.ID.String() + "}:7", blog.ID.String() + ":99999999999999999999"} {
		if _, err := db.Pool().Exec(t.Context(), `SELECT pg_notify('dateline', $1)`, noise); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, db, newPost(blog, "one"))
	if seq := within(t, h.woken, "notification"); seq != 1 {
		t.Errorf("woken for %d", seq)
	}
}
