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

// recordingSink passes on to channels what a listener reports.
type recordingSink struct {
	watched []uuid.UUID
	woken   chan int64
	heads   chan liveblog.Head
}

func (h *recordingSink) Wake(_ uuid.UUID, seq int64) { h.woken <- seq }
func (h *recordingSink) Watched() []uuid.UUID        { return h.watched }
func (h *recordingSink) Heads(heads []liveblog.Head) {
	for _, head := range heads {
		h.heads <- head
	}
}

func startListener(t *testing.T, db *postgres.DB, h *recordingSink) *postgres.Listener {
	l := postgres.NewListener(db, h)
	notifier := postgres.NewNotifier(db)
	db.OnWrite(notifier.Notify)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { l.Run(ctx) })
	parts.Go(func() { notifier.Run(ctx) })
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

func TestListener_ReceivesAndReadsHeadsAgainAfterALoss(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	h := &recordingSink{watched: []uuid.UUID{blog.ID}, woken: make(chan int64, 100), heads: make(chan liveblog.Head, 100)}
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
	h := &recordingSink{watched: []uuid.UUID{blog.ID}, woken: make(chan int64, 100), heads: make(chan liveblog.Head, 100)}
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

// The listener skips what other sessions write to the channel.
func TestListener_SkipsNoise(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	blog := newBlog(t, db)
	h := &recordingSink{watched: []uuid.UUID{blog.ID}, woken: make(chan int64, 100), heads: make(chan liveblog.Head, 100)}
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
