package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// barrierTimeout bounds how long the standby may take to confirm a barrier.
const barrierTimeout = time.Second

// replicationTracker knows, for each blog, up to which event the synchronous
// standby has confirmed the log.
//
// A synchronous standby does not make everything safe that a query can see. When the
// wait for the standby was cancelled, or the primary crashed during it, a
// transaction is visible that the standby never received. If readers received its
// event, a fail-over would give the event's number to another event in the same
// epoch: a silent hole. Therefore nothing that the standby has not confirmed is
// sent to readers, and no answer to a client rests on it.
type replicationTracker struct {
	mu    sync.Mutex
	seq   map[uuid.UUID]int64  // the last event of each blog that is known to be confirmed
	epoch map[uuid.UUID]string // the epoch that seq belongs to
}

func newReplicationTracker() *replicationTracker {
	return &replicationTracker{seq: map[uuid.UUID]int64{}, epoch: map[uuid.UUID]string{}}
}

// confirm records that the standby has confirmed a blog's log up to seq. That is so
// when any later commit was confirmed: the standby receives commits in their order.
func (t *replicationTracker) confirm(blogID uuid.UUID, seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq[blogID] = max(t.seq[blogID], seq)
}

// confirmed returns the number of the last event of a blog that is known to be
// confirmed; 0 if none is.
func (t *replicationTracker) confirmed(blogID uuid.UUID) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seq[blogID]
}

// enterEpoch forgets what was confirmed of a blog's log if its epoch was another one.
func (t *replicationTracker) enterEpoch(blogID uuid.UUID, epoch string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, known := t.epoch[blogID]; known && was != epoch {
		delete(t.seq, blogID)
	}
	t.epoch[blogID] = epoch
}

// reset forgets what was confirmed of all logs: the database is another one.
func (t *replicationTracker) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.seq)
}

// errUnconfirmed is the error for data that was read and that a fail-over may lose.
var errUnconfirmed = fmt.Errorf("%w: the standby does not confirm", liveblog.ErrUnavailable)

// ensureConfirmed returns nil when the standby has confirmed the logs of the heads
// up to their LastSeq. It asks the standby if that is not known yet. Without
// synchronous replication it always returns nil: readers notice a fail-over by a
// new epoch.
func (db *core) ensureConfirmed(ctx context.Context, heads ...liveblog.Head) error {
	if !db.synchronous || db.allConfirmed(heads) {
		return nil
	}
	if err := db.awaitBarrier(ctx); err != nil {
		return err
	}
	for _, h := range heads {
		db.replication.confirm(h.BlogID, h.LastSeq)
	}
	return nil
}

// ensureBlogConfirmed is ensureConfirmed for all that was read of a blog so far.
func (db *core) ensureBlogConfirmed(ctx context.Context, blogID uuid.UUID) error {
	if !db.synchronous {
		return nil
	}
	head := liveblog.Head{BlogID: blogID}
	err := db.eventPool.QueryRow(ctx, `SELECT last_seq FROM blogs WHERE id = $1`, blogID).Scan(&head.LastSeq)
	if err != nil {
		return readErr(err, "head of blog %s", blogID)
	}
	return db.ensureConfirmed(ctx, head)
}

func (db *core) allConfirmed(heads []liveblog.Head) bool {
	for _, h := range heads {
		if db.replication.confirmed(h.BlogID) < h.LastSeq {
			return false
		}
	}
	return true
}

// confirmBeforeReject returns err, the definite rejection of a request, only after
// the standby has confirmed what the rejection rests on. Otherwise "the version is
// not current" could tell a client that its own earlier request was stored, and a
// fail-over could still lose that.
func (db *core) confirmBeforeReject(ctx context.Context, err error) error {
	_, problem := errors.AsType[*liveblog.Problem](err)
	_, stale := errors.AsType[*liveblog.StaleError](err)
	if !db.synchronous || !problem && !stale || errors.Is(err, liveblog.ErrUnavailable) {
		return err
	}
	if unconfirmed := db.awaitBarrier(ctx); unconfirmed != nil {
		return unconfirmed
	}
	return err
}

// awaitBarrier returns nil when the standby has everything that could be read before
// the call. Concurrent calls share barriers.
func (db *core) awaitBarrier(ctx context.Context) error {
	if err := db.barrier.do(ctx); err != nil {
		return fmt.Errorf("%w: %w", errUnconfirmed, err)
	}
	return nil
}

// commitBarrier commits an empty transaction. Its confirmation by the standby covers
// all commits before it. The transaction goes on when ctx is cancelled, since
// other callers may wait for it too.
func (db *core) commitBarrier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), barrierTimeout)
	defer cancel()
	_, err := attemptTx(ctx, db.eventPool.Pool, true, func(pgx.Tx) (struct{}, error) { return struct{}{}, nil })
	return dbError(err)
}
