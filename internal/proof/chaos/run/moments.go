//go:build unix

package run

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/wait"
)

// some is how many posts make a difference between what two know.
const some = 25

// more waits until so many more posts were acknowledged.
func (s *stage) more(ctx context.Context, posts int) {
	s.published(ctx, s.created()+posts)
}

// Moments that mistakes need.
var (
	streamsCut  = kind{id: "F29", name: "all streams cut", allows: allowsClose, inject: cutStreams}
	lag         = kind{id: "F43", name: "the database a black hole for the node that all readers come to", allows: allowsNodeGone, inject: leaveBehind}
	halfOpen    = kind{id: "F12", name: "a node's connections half-open but for its listener's", allows: allowsDBGone, inject: hangReads}
	undecided   = kind{id: "F5", name: "PostgreSQL crashed in a COMMIT", allows: allowsDBGone, inject: crashInCommit}
	lockedViews = kind{id: "F49", name: "a node asked to stop while the table of views is locked", allows: allowsClose, inject: stopUnderLock}
	mostPruned  = kind{id: "F33", name: "most events pruned", allows: allowsPruned, inject: pruneMost}
)

// allowsNodeGone is of a node without a database whose readers are cut off, too.
var allowsNodeGone = history.Allows{Down: true, Views: true, Stale: true, Close: true}

// cutStreams breaks all connections of clients, who come back a moment later with
// their cursors.
func cutStreams(_ context.Context, s *stage, _ planned) (string, error) {
	for _, n := range s.bed.Nodes() {
		n.Client.Cut()
	}
	return "", nil
}

// last is the node that nobody publishes through unless another fails.
func (s *stage) last() node { return s.node(len(s.bed.Nodes())) }

// leaveBehind takes the database from the last node, without a word, and then all
// readers from the others: they come to it with cursors that it does not know of.
func leaveBehind(ctx context.Context, s *stage, _ planned) (string, error) {
	for _, l := range s.links(s.last().Number) {
		l.Set(netfault.Conditions{Up: lost, Down: lost})
		defer l.Clear()
	}
	s.more(ctx, some)
	for _, n := range s.bed.Nodes() {
		if n != s.last() {
			n.Client.Cut()
		}
	}
	wait.For(ctx, 3*time.Second)
	return "", nil
}

// hangReads makes all connections of the last node silent but its listener's, and
// new ones, too: it hears of events and can't read them.
func hangReads(ctx context.Context, s *stage, _ planned) (string, error) {
	lift, err := s.silence(ctx, s.last().Number, `application_name LIKE 'dateline%' AND NOT `+ofListeners)
	if err != nil {
		return "", err
	}
	defer lift()
	for _, l := range s.links(s.last().Number) {
		l.Hang(true)
	}
	wait.For(ctx, 5*time.Second)
	return "", nil
}

// crashInCommit kills PostgreSQL while a COMMIT is under way, which a deferred
// trigger makes long: it has no answer and did not happen.
func crashInCommit(ctx context.Context, s *stage, _ planned) (string, error) {
	err := s.sql(ctx, `
		CREATE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER chaos_slow AFTER INSERT ON revisions
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_slow()`)
	if err != nil {
		return "", err
	}
	err = s.until(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')`)
	lift, cancel := lifting(ctx)
	defer cancel()
	p := s.bed.Primary()
	return "", errors.Join(err, p.Crash(), p.Start(lift), s.sql(lift, `DROP FUNCTION chaos_slow() CASCADE`))
}

// viewsLocked is longer than readers take to go and one flush waits, and shorter
// than a node that leaves has time.
const viewsLocked = 9 * time.Second

// stopUnderLock holds the counts of views, as a stuck transaction does, while a
// node leaves that has views to write: also when it has sent its readers away.
func stopUnderLock(ctx context.Context, s *stage, f planned) (string, error) {
	held := make(chan error, 1)
	go func() {
		held <- s.locked(ctx, planned{Hold: viewsLocked}, `SELECT FROM post_views WHERE $1 <> '' FOR UPDATE`, "all")
	}()
	wait.For(ctx, 300*time.Millisecond)
	err := renew(ctx, s.node(f.Target))
	return "", errors.Join(err, <-held)
}

// pruneMost forgets all but the last few events.
func pruneMost(ctx context.Context, s *stage, _ planned) (string, error) {
	return "", s.prune(ctx, s.slugs[0], some)
}

// letIn brings the late readers, when the texts that were corrected and removed
// so far may be told no more, and waits until they have come to the present.
func letIn(ctx context.Context, _ *run, s *stage) error {
	wait.For(ctx, redacted)
	close(s.door)
	wait.For(ctx, time.Second)
	s.recovered(ctx, time.Now().UnixNano())
	return nil
}

// redacted is longer than nodes have to forget a text.
const redacted = 2500 * time.Millisecond

// watchRevoked waits until a token that was revoked has been tried for longer
// than it may work.
func watchRevoked(ctx context.Context, _ *run, s *stage) error {
	for ends := time.Now().Add(20 * time.Second); s.revocation().IsZero() && time.Now().Before(ends) && ctx.Err() == nil; {
		wait.For(ctx, 50*time.Millisecond)
	}
	wait.For(ctx, time.Until(s.revocation().Add(watchTime)))
	return nil
}

// loseUnconfirmed freezes the standby, ends the wait of the commits that it does
// not confirm, and promotes it: what was acknowledged without it is gone.
func loseUnconfirmed(ctx context.Context, _ *run, s *stage) error {
	lift, cancel := lifting(ctx)
	defer cancel()
	fault := history.Fault{Kind: "F10", Name: "waits for the standby cancelled, and it promoted", Began: time.Now().UnixNano(), Allows: allowsDBGone}
	s.bed.Primary().Replication.Set(netfault.Conditions{Up: lost, Down: lost})
	for range 12 {
		wait.For(ctx, 500*time.Millisecond)
		err := s.sql(ctx, `
			SELECT pg_cancel_backend(pid) FROM pg_stat_activity
			WHERE wait_event = 'SyncRep' AND application_name LIKE 'dateline%'`)
		if err != nil {
			return err
		}
	}
	err := errors.Join(s.bed.Failover(lift), s.bed.Rejoin(lift))
	fault.Ended = time.Now().UnixNano()
	fault.Recovered = s.recovered(ctx, fault.Ended)
	s.record(fault)
	return err
}

// soon is longer than a listener waits before it connects again for the first time.
const soon = 500 * time.Millisecond

// endListeners ends the listeners' connections and does not wait until events
// arrive: the last ones are published while the nodes begin to listen again.
func endListeners(ctx context.Context, _ *run, s *stage) error {
	now := time.Now().UnixNano()
	s.record(history.Fault{Kind: "F11", Name: "listeners' connections terminated", Began: now, Ended: now})
	defer wait.For(ctx, soon)
	return s.terminate(ctx, ofListeners)
}

// restoredBehind restores an older dump while the last node is down, and starts
// the node when others have taken the numbers that its readers had come to.
func restoredBehind(ctx context.Context, _ *run, s *stage) error {
	fault := history.Fault{
		Kind: "F34", Name: "older dump restored and overtaken while a node is down", Began: time.Now().UnixNano(),
		Allows: history.Allows{Reset: []string{"epoch", "ahead"}, Lost: true, Down: true, Views: true, Stale: true, Close: true},
	}
	file := filepath.Join(s.dir, "old.dump")
	lift, cancel := lifting(ctx)
	defer cancel()
	if err := s.bed.Dump(lift, file); err != nil {
		return err
	}
	s.more(ctx, some)
	last := s.last()
	last.Kill()
	head, err := s.head(ctx, s.slugs[0])
	if err != nil {
		return err
	}
	if err := s.bed.Restore(lift, file); err != nil {
		return err
	}
	err = s.until(ctx, `SELECT last_seq > $2 FROM blogs WHERE slug = $1`, s.slugs[0], head)
	err = errors.Join(err, start(lift, last))
	fault.Ended = time.Now().UnixNano()
	fault.Recovered = s.recovered(ctx, fault.Ended)
	s.record(fault)
	return err
}

// head is how far a blog's log goes.
func (s *stage) head(ctx context.Context, slug string) (head int64, err error) {
	err = s.ask(ctx, &head, `SELECT last_seq FROM blogs WHERE slug = $1`, slug)
	return head, err
}

// ask asks the database for one value.
func (s *stage) ask(ctx context.Context, value any, query string, args ...any) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return conn.QueryRow(ctx, query, args...).Scan(value)
}

// until waits until the database says yes.
func (s *stage) until(ctx context.Context, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		var yes bool
		if err := s.ask(ctx, &yes, query, args...); yes || err != nil {
			return err
		}
		wait.For(ctx, 50*time.Millisecond)
	}
}
