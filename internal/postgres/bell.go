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

// channel is the one name that nodes LISTEN on.
const channel = "dateline"

const (
	// maxPayload keeps a notification below PostgreSQL's limit of 8000 bytes.
	maxPayload = 7000
	// ringPause is the least time between two notifications of a node: posts
	// that come faster share one.
	ringPause = 5 * time.Millisecond
)

// Bell tells the other nodes which blogs have new events. It rings after the
// commit, in a statement of its own: NOTIFY takes a lock of the whole instance
// until its transaction is durable, so inside the publishing transaction it would
// make all blogs wait for each other. A ring that is lost is no harm: every node
// also looks at the log by itself (Listener).
type Bell struct {
	db      *DB
	wake    chan struct{}
	mu      sync.Mutex
	pending map[uuid.UUID]int64
}

// NewBell makes the bell of a node.
func NewBell(db *DB) *Bell {
	return &Bell{db: db, wake: make(chan struct{}, 1), pending: map[uuid.UUID]int64{}}
}

// Ring notes that the blog's log goes to seq now. It never waits.
func (b *Bell) Ring(blogID uuid.UUID, seq int64) {
	b.mu.Lock()
	b.pending[blogID] = max(b.pending[blogID], seq)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run sends what was rung until ctx ends, the first at once, the following ones
// together.
func (b *Bell) Run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		for _, payload := range b.take() {
			if err := b.send(ctx, payload); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "notify", "error", err)
			}
		}
		pause.Reset(ringPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

func (b *Bell) send(ctx context.Context, payload string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := b.db.logPool.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, payload)
	return dbError(err)
}

// take empties the bell into payloads of "blog:seq blog:seq ...".
func (b *Bell) take() []string {
	b.mu.Lock()
	pending := b.pending
	b.pending = map[uuid.UUID]int64{}
	b.mu.Unlock()
	var payloads []string
	var p strings.Builder
	for id, seq := range pending {
		if p.Len() > maxPayload-60 {
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

// parsePayload calls f for each pair of a notification. Anything else on the
// channel, which any session may write to, is passed over.
func parsePayload(payload string, f func(blogID uuid.UUID, seq int64)) {
	for pair := range strings.FieldsSeq(payload) {
		name, number, _ := strings.Cut(pair, ":")
		id, err := uuid.Parse(name)
		if err != nil || len(name) != 36 {
			continue
		}
		if seq, err := strconv.ParseInt(number, 10, 64); err == nil && seq > 0 {
			f(id, seq)
		}
	}
}
