package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// channel is the notification channel of all nodes.
const channel = "dateline"

const (
	// maxPayload, in bytes, keeps a notification below PostgreSQL's limit of 8000.
	maxPayload = 7000
	// maxPair is the length of the longest pair "blog:seq " in a payload, in bytes.
	maxPair = 60
	// notifyInterval is the shortest time between two notifications of a node.
	// Events that are committed faster share one.
	notifyInterval = 5 * time.Millisecond
)

// Notifier notifies the other nodes of blogs with new events. It does so after the
// commit, in a statement of its own: NOTIFY holds a lock of the whole instance
// until its transaction is durable, so within the publishing transaction it would
// make publishers of all blogs wait for each other. A notification is a hint. If
// it is lost, the other nodes find the events by their next poll (see Listener).
type Notifier struct {
	db      *DB
	wake    chan struct{} // of capacity 1; filled when something is pending
	mu      sync.Mutex
	pending map[uuid.UUID]int64 // the last event of each blog to notify of
}

// NewNotifier returns the notifier of a node. It sends while Run runs.
func NewNotifier(db *DB) *Notifier {
	return &Notifier{db: db, wake: make(chan struct{}, 1), pending: map[uuid.UUID]int64{}}
}

// Notify queues a notification that a blog's log reaches seq. It never blocks.
func (n *Notifier) Notify(blogID uuid.UUID, seq int64) {
	n.mu.Lock()
	n.pending[blogID] = max(n.pending[blogID], seq)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run sends what is queued until ctx ends: the first notification at once, those
// that follow within notifyInterval together.
func (n *Notifier) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		}
		for _, payload := range n.drain() {
			if err := n.send(ctx, payload); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "notify", "error", err)
			}
		}
		sleep(ctx, notifyInterval)
	}
}

func (n *Notifier) send(ctx context.Context, payload string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := n.db.eventPool.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, payload)
	return dbError(err)
}

// drain empties the queue into payloads of the form "blog:seq blog:seq ".
func (n *Notifier) drain() []string {
	n.mu.Lock()
	pending := n.pending
	n.pending = map[uuid.UUID]int64{}
	n.mu.Unlock()
	var payloads []string
	var p strings.Builder
	for id, seq := range pending {
		if p.Len() > maxPayload-maxPair {
			payloads = append(payloads, p.String())
			p.Reset()
		}
		fmt.Fprintf(&p, "%s:%d ", id, seq)
	}
	if p.Len() > 0 {
		payloads = append(payloads, p.String())
	}
	return payloads
}

// parsePayload calls f for each pair of a payload. It skips anything else, since
// every session of the database may write to the channel.
func parsePayload(payload string, f func(blogID uuid.UUID, seq int64)) {
	for pair := range strings.FieldsSeq(payload) {
		name, number, _ := strings.Cut(pair, ":")
		id, err := uuid.Parse(name)
		if err != nil || len(name) != 36 { // Parse takes other spellings too
			continue
		}
		if seq, err := strconv.ParseInt(number, 10, 64); err == nil && seq > 0 {
			f(id, seq)
		}
	}
}
