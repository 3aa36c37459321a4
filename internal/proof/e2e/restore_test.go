package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/pgtest"
)

// restoreTo makes of a database what an older backup of it would be: later posts
// are gone, and the table of events is another one.
const restoreTo = `
	CREATE TABLE restored (LIKE events INCLUDING ALL);
	INSERT INTO restored SELECT * FROM events WHERE seq <= 6;
	DROP TABLE events;
	ALTER TABLE restored RENAME TO events;
	DELETE FROM revisions WHERE post_id IN (SELECT id FROM posts WHERE position > 6);
	DELETE FROM posts WHERE position > 6;
	UPDATE blogs SET last_seq = 6;
	SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`

// TestE2E_RestoredBackup takes events away that readers have seen. Their numbers
// will be given again, to other posts: all readers are told, and pages show what
// is there now.
func TestE2E_RestoredBackup(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node, robot := startProcess(t, dsn), newRobot(t, dsn)
	robot.newBlog(t, node.url, "restored")
	for i := range 10 {
		robot.post(t, node.url, "restored", fmt.Sprint("Post ", i))
	}
	old := readTruth(t, dsn, "restored")
	page := browsertest.New(t)
	page.Open(node.url + "/b/restored")
	page.Wait(`document.querySelector('.badge').textContent === 'Live' && document.querySelectorAll('.feed > article').length === 10`)
	log, followed := followPastRestore(t, node.url, old.epoch)
	eventually(t, startLimit, "both readers are counted", func() bool {
		return number(t, dsn, `SELECT coalesce(sum(readers), 0) FROM node_readers`) == 2
	})
	restore(t, dsn)
	eventually(t, startLimit, "the blog has another epoch", func() bool { return readTruth(t, dsn, "restored").epoch != old.epoch })
	for i := range 2 {
		robot.post(t, node.url, "restored", fmt.Sprint("Post of another history ", i))
	}
	if err := followed(); err != nil {
		t.Fatal(err)
	}
	now := readTruth(t, dsn, "restored")
	checkResets(t, log(), now)
	page.Wait(fmt.Sprintf(`+document.querySelector('main').dataset.lastSeq === 8 && document.querySelector('main').dataset.epoch === '%s'`, now.epoch))
	if err := now.checkDOM(page); err != nil {
		t.Error(err)
	}
	node.noPanic()
}

// followPastRestore follows from the last event, 10, of a history to event 8 of
// the next one.
func followPastRestore(t *testing.T, node, epoch string) (log func() []sseEvent, wait func() error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &sseReader{client: newClient(), slug: "restored", query: url.Values{"after": {"10"}, "epoch": {epoch}}}
	var g errgroup.Group
	g.Go(func() error {
		return r.follow(ctx, node, func(e sseEvent) bool { seq, _, err := eventsource.Place(e.id); return err == nil && seq == 8 })
	})
	return func() []sseEvent { return r.log }, g.Wait
}

func restore(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), restoreTo); err != nil {
		t.Fatal(err)
	}
}

// checkResets wants the reader to be told of the other history before any of its
// events, and these to be complete.
func checkResets(t *testing.T, log []sseEvent, now truth) {
	t.Helper()
	last, epoch := int64(10), ""
	for _, e := range log {
		switch e.name {
		case "reset":
			var reset struct {
				Epoch string
				Head  int64
			}
			if err := json.Unmarshal([]byte(e.data), &reset); err != nil {
				t.Fatal(err)
			}
			last, epoch = reset.Head, reset.Epoch
		case "post":
			seq, _, err := eventsource.Place(e.id)
			if last++; err != nil || seq != last || epoch != now.epoch {
				t.Errorf("event %s of the history %s after %d of %q", e.id, now.epoch, last-1, epoch)
			}
			if err := now.checkContent(e, now.log[last-1]); err != nil {
				t.Error(err)
			}
		}
	}
	if epoch != now.epoch || last != now.head() {
		t.Errorf("the reader ends at %d of %q, the log at %d of %s", last, epoch, now.head(), now.epoch)
	}
}
