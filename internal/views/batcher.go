// Package views counts how often posts are viewed. It sums beacons in memory and
// writes them once a second, by one statement for all blogs, whatever the number of
// readers; the new absolute counts go back to the readers.
//
// Goroutines: Batcher.Run is the caller's. After its context ends it returns when all
// is written, or lastFlush later. A node that is killed loses the views since its last
// flush, and so does one whose connection breaks while the database commits.
package views

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

const (
	// flushInterval is how often counts are written and read.
	flushInterval = time.Second
	// maxSilence is how long a node may not write: its readers count for five seconds
	// after each write.
	maxSilence = 2 * time.Second
	// fullReadInterval is how often the counts of all watched blogs are read, changed
	// or not.
	fullReadInterval = 30 * time.Second
	// burstSize is how many readers, and one burstShare-th of all, must have come or
	// gone within an interval for counts to be held back; maxSkipped is for how many
	// intervals they are at most.
	burstSize  = 500
	burstShare = 10
	maxSkipped = 2
	// lastFlush bounds the flushes at the end; lastPause is the pause between two of
	// them.
	lastFlush = 8 * time.Second
	lastPause = 500 * time.Millisecond
	// maxFlush is how many posts one statement counts at most.
	maxFlush = 10_000
	// maxPending bounds how many posts wait for a database that is away.
	maxPending = 100_000
	// maxSeen bounds how many pairs of page and post each generation remembers.
	maxSeen = 500_000
	// seenLife is how long such a pair is remembered at least.
	seenLife = 30 * time.Minute
	// perMinute bounds the views that count from one address, or one /64, in a minute.
	// Many readers share the address of an office or a mobile network.
	perMinute = 6000
)

// Store keeps counts.
type Store interface {
	// AddViews adds to the views of posts, by blog, and sets the readers of this node
	// where they changed. It goes on when ctx is cancelled and ends by its deadline.
	// known reports that the database still has what was set before.
	AddViews(ctx context.Context, nodeID uuid.UUID, views map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64) (known bool, err error)
	// ChangedCounts reads what changed in these blogs since a time, and the counts of
	// the fresh ones in any case. now is the since of the next read.
	ChangedCounts(ctx context.Context, blogs, fresh []uuid.UUID, since time.Time) (counts map[uuid.UUID]liveblog.Counts, now time.Time, err error)
}

// ReaderCounter counts the readers of this node and sends counts to them.
type ReaderCounter interface {
	Readers() map[uuid.UUID]int64
	Views(blogID uuid.UUID, c liveblog.Counts)
}

// Batcher sums the beacons of a node.
type Batcher struct {
	store   Store
	readers ReaderCounter
	nodeID  uuid.UUID

	mu        sync.Mutex
	pending   map[uuid.UUID]map[uuid.UUID]int64 // by blog, by post
	size      int
	seed      maphash.Seed
	seen      map[uint64]struct{}
	seenOld   map[uint64]struct{}
	rotated   time.Time
	addresses map[netip.Prefix]int
	minute    time.Time

	// Only Run uses these:
	written   map[uuid.UUID]int64 // the readers of this node, as the database has them
	writtenAt time.Time
	watched   map[uuid.UUID]struct{} // the blogs of the last read
	readAt    time.Time              // when that was, by the database's clock
	total     int64                  // readers of all blogs, an interval ago
	skipped   int                    // intervals since counts were sent
	fullRead  time.Time
}

// New makes the batcher of a node.
func New(store Store, readers ReaderCounter, nodeID uuid.UUID) *Batcher {
	return &Batcher{
		store: store, readers: readers, nodeID: nodeID,
		pending: map[uuid.UUID]map[uuid.UUID]int64{}, seed: maphash.MakeSeed(),
		seen: map[uint64]struct{}{}, seenOld: map[uint64]struct{}{}, rotated: time.Now(),
		addresses: map[netip.Prefix]int{}, minute: time.Now(), written: map[uuid.UUID]int64{},
	}
}

// Beacon is what a reader's page reports: the posts that were on screen. Token
// distinguishes the reports of one page from those of others; it is not stored.
type Beacon struct {
	BlogID  uuid.UUID
	Token   string
	Address netip.Prefix // of the client: /32, or /64 for IPv6
	Posts   []uuid.UUID
}

// Add counts a beacon. A post that the same page has reported before does not count,
// and neither does a view over the limit of an address.
func (b *Batcher) Add(beacon Beacon) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rotate(time.Now())
	for _, post := range beacon.Posts {
		if b.addresses[beacon.Address] < perMinute && b.isFirst(beacon, post) {
			b.addresses[beacon.Address]++
			b.count(beacon.BlogID, post, 1)
		}
	}
}

// rotate forgets the older generation of what was seen, and the views per address,
// when their time is over.
func (b *Batcher) rotate(now time.Time) {
	if len(b.seen) >= maxSeen || now.Sub(b.rotated) > seenLife {
		b.seen, b.seenOld, b.rotated = map[uint64]struct{}{}, b.seen, now
	}
	if now.Sub(b.minute) > time.Minute {
		b.addresses, b.minute = map[netip.Prefix]int{}, now
	}
}

// isFirst reports whether the page has not reported the post before. Only a hash is
// kept: a collision costs one view in billions.
func (b *Batcher) isFirst(beacon Beacon, post uuid.UUID) bool {
	var h maphash.Hash
	h.SetSeed(b.seed)
	h.Write(post[:])
	h.WriteString(beacon.Token)
	sum := h.Sum64()
	_, seen := b.seen[sum]
	if _, old := b.seenOld[sum]; old || seen {
		return false
	}
	b.seen[sum] = struct{}{}
	return true
}

func (b *Batcher) count(blogID, post uuid.UUID, n int64) {
	posts := b.pending[blogID]
	if posts == nil {
		posts = map[uuid.UUID]int64{}
		b.pending[blogID] = posts
	}
	if _, known := posts[post]; !known {
		if b.size >= maxPending {
			return
		}
		b.size++
	}
	posts[post] += n
}

// Run flushes once a second until ctx ends, and then until all is written or
// lastFlush is over.
func (b *Batcher) Run(ctx context.Context) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // even if a flush took so long that the next tick is there
			break
		}
		b.flush(ctx)
		if !b.inBurst() {
			b.sendCounts(ctx)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	b.flushAll(last)
}

// flushAll flushes until no view is left. The number of readers need not be written:
// it expires by itself.
func (b *Batcher) flushAll(ctx context.Context) {
	pause := time.NewTicker(lastPause)
	defer pause.Stop()
	for !b.flush(ctx) && b.waiting() > 0 {
		select {
		case <-pause.C:
		case <-ctx.Done():
			slog.ErrorContext(ctx, "views are lost: the database did not take them in time", "posts", b.waiting())
			return
		}
	}
}

// waiting is how many posts have views that are not yet written.
func (b *Batcher) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// flush writes the sums of all blogs, and the node's readers where the database has
// another number. It reports whether all was written. After a part that can't be
// written, the other parts wait for the next flush.
func (b *Batcher) flush(ctx context.Context) bool {
	readers := b.changedReaders()
	for {
		part, more := b.take()
		if len(part) == 0 && len(readers) == 0 && !b.silentFor(maxSilence) {
			return true
		}
		if !b.write(ctx, part, readers) {
			return false
		}
		if !more {
			return true
		}
		readers = nil
	}
}

// take takes the sums of at most maxFlush pending posts, and reports whether more
// are pending.
func (b *Batcher) take() (part map[uuid.UUID]map[uuid.UUID]int64, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size <= maxFlush {
		all := b.pending
		b.pending, b.size = map[uuid.UUID]map[uuid.UUID]int64{}, 0
		return all, false
	}
	part = map[uuid.UUID]map[uuid.UUID]int64{}
	taken := 0
	for blogID, posts := range b.pending {
		if taken == maxFlush {
			break
		}
		part[blogID] = map[uuid.UUID]int64{}
		for post, views := range posts {
			if taken == maxFlush {
				break
			}
			part[blogID][post] = views
			delete(posts, post)
			taken++
		}
		if len(posts) == 0 {
			delete(b.pending, blogID)
		}
	}
	b.size -= taken
	return part, true
}

// write writes a part and reports whether the database has it. Counts of a write with
// an unknown outcome are dropped: to lose a view is better than to count it twice.
func (b *Batcher) write(ctx context.Context, part map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64) bool {
	known, err := b.store.AddViews(ctx, b.nodeID, part, readers)
	if err == nil {
		b.noteWritten(readers, known)
		return true
	}
	slog.WarnContext(ctx, "views wait for the database", "blogs", len(part), "error", err)
	if !errors.Is(err, liveblog.ErrUnknownOutcome) {
		b.putBack(part)
	}
	return false
}

// changedReaders are the numbers of readers that the database does not have.
func (b *Batcher) changedReaders() map[uuid.UUID]int64 {
	changed, now := map[uuid.UUID]int64{}, b.readers.Readers()
	for blogID, n := range now {
		if b.written[blogID] != n {
			changed[blogID] = n
		}
	}
	for blogID := range b.written {
		if _, there := now[blogID]; !there {
			changed[blogID] = 0
		}
	}
	return changed
}

// silentFor reports whether this node has readers and has written nothing for d.
func (b *Batcher) silentFor(d time.Duration) bool {
	return len(b.written) > 0 && time.Since(b.writtenAt) >= d
}

// noteWritten keeps what the database has of this node's readers. When the database
// has lost it, as after a crash, the next flush writes all of it again.
func (b *Batcher) noteWritten(readers map[uuid.UUID]int64, known bool) {
	if !known {
		clear(b.written)
	}
	b.writtenAt = time.Now()
	for blogID, n := range readers {
		if n == 0 {
			delete(b.written, blogID)
		} else {
			b.written[blogID] = n
		}
	}
}

// putBack makes a part pending again.
func (b *Batcher) putBack(part map[uuid.UUID]map[uuid.UUID]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for blogID, posts := range part {
		for post, n := range posts {
			b.count(blogID, post, n)
		}
	}
}

// inBurst reports whether many readers come or go at this time. Their number changes
// all the time then, and to send it to each connected reader would take CPU from
// admitting the others.
func (b *Batcher) inBurst() bool {
	var total int64
	for _, n := range b.readers.Readers() {
		total += n
	}
	moved := max(total-b.total, b.total-total)
	b.total = total
	if moved < burstSize || moved*burstShare < total || b.skipped == maxSkipped {
		b.skipped = 0
		return false
	}
	b.skipped++
	return true
}

// sendCounts reads the counts that changed, on any node, and sends them to the
// readers of this one.
func (b *Batcher) sendCounts(ctx context.Context) {
	watched, fresh := b.watch()
	if len(watched) == 0 {
		b.readAt = time.Time{}
		return
	}
	counts, now, err := b.store.ChangedCounts(ctx, watched, fresh, b.readAt)
	if err != nil {
		clear(b.watched)
		return
	}
	b.readAt = now
	for blogID, c := range counts {
		b.readers.Views(blogID, c)
	}
}

// watch lists the blogs that have readers here, and those of them whose counts this
// node may not have: new ones, and now and then all of them.
func (b *Batcher) watch() (watched, fresh []uuid.UUID) {
	before := b.watched
	if time.Since(b.fullRead) >= fullReadInterval {
		before, b.fullRead = nil, time.Now()
	}
	b.watched = map[uuid.UUID]struct{}{}
	for blogID, n := range b.readers.Readers() {
		if n == 0 {
			continue
		}
		b.watched[blogID] = struct{}{}
		watched = append(watched, blogID)
		if _, known := before[blogID]; !known {
			fresh = append(fresh, blogID)
		}
	}
	return watched, fresh
}
