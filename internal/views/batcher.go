// Package views counts how often posts are seen. Beacons are summed in memory
// and written once a second, one statement per blog, whatever the number of
// readers; the new absolute counts go back to the readers.
//
// Goroutines: Batcher.Run is the caller's and ends with its context, after a
// last flush. A node that is killed loses what it counted since its last flush,
// and so does one whose connection breaks while the database commits.
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
	// refresh is how often a node repeats its number of readers, which counts
	// for five seconds.
	refresh = 2 * time.Second
	// lastFlush bounds the flush at the end.
	lastFlush = 5 * time.Second
	// maxPending bounds how many posts wait for a database that is away.
	maxPending = 100_000
	// maxSeen bounds how many pairs of reader and post are remembered twice over.
	maxSeen = 500_000
	// seenLife is how long such a pair is remembered at least.
	seenLife = 30 * time.Minute
	// perMinute bounds the views that count from one address, or one /64, in a
	// minute; many readers share the address of an office or a mobile network.
	perMinute = 6000
)

// Store keeps counts.
type Store interface {
	AddViews(ctx context.Context, nodeID, blogID uuid.UUID, counts map[uuid.UUID]int64, readers int64) error
	Counts(ctx context.Context, blogIDs []uuid.UUID, recent bool) (map[uuid.UUID]liveblog.Counts, error)
}

// Audience is who reads on this node, and hears of new counts.
type Audience interface {
	Readers() map[uuid.UUID]int64
	Views(blogID uuid.UUID, c liveblog.Counts)
}

// Batcher sums the beacons of a node.
type Batcher struct {
	store    Store
	audience Audience
	nodeID   uuid.UUID

	mu        sync.Mutex
	pending   map[uuid.UUID]map[uuid.UUID]int64 // by blog, by post
	size      int
	seed      maphash.Seed
	seen      map[uint64]struct{}
	seenOld   map[uint64]struct{}
	rotated   time.Time
	addresses map[netip.Prefix]int
	minute    time.Time

	told map[uuid.UUID]presence // by Run alone
}

// presence is what the database knows of this node's readers of a blog.
type presence struct {
	readers int64
	at      time.Time
}

// New makes the batcher of a node.
func New(store Store, audience Audience, nodeID uuid.UUID) *Batcher {
	return &Batcher{
		store: store, audience: audience, nodeID: nodeID,
		pending: map[uuid.UUID]map[uuid.UUID]int64{}, seed: maphash.MakeSeed(),
		seen: map[uint64]struct{}{}, seenOld: map[uint64]struct{}{}, rotated: time.Now(),
		addresses: map[netip.Prefix]int{}, minute: time.Now(), told: map[uuid.UUID]presence{},
	}
}

// Beacon is what a reader's page reports: the posts that were seen. Token is
// made by the page and tells its reports from those of others for an hour or so;
// it is not stored.
type Beacon struct {
	BlogID  uuid.UUID
	Token   string
	Address netip.Prefix // of the client: /32, or /64 for IPv6
	Posts   []uuid.UUID
}

// Add counts a beacon. A post that the same page reported before does not
// count, nor does what is over the limit of an address.
func (b *Batcher) Add(beacon Beacon) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rotate(time.Now())
	for _, post := range beacon.Posts {
		if b.addresses[beacon.Address] < perMinute && b.first(beacon, post) {
			b.addresses[beacon.Address]++
			b.count(beacon.BlogID, post, 1)
		}
	}
}

// rotate forgets the older half of what was seen, and the addresses' minute.
func (b *Batcher) rotate(now time.Time) {
	if len(b.seen) >= maxSeen || now.Sub(b.rotated) > seenLife {
		b.seen, b.seenOld, b.rotated = map[uint64]struct{}{}, b.seen, now
	}
	if now.Sub(b.minute) > time.Minute {
		b.addresses, b.minute = map[netip.Prefix]int{}, now
	}
}

// first reports whether the page has not told of the post before. Only a hash
// is kept: a collision costs one view in billions.
func (b *Batcher) first(beacon Beacon, post uuid.UUID) bool {
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

// Run flushes once a second until ctx ends, and once more then.
func (b *Batcher) Run(ctx context.Context) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.flush(ctx)
			b.tell(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			b.flush(last)
			return
		}
	}
}

// flush writes the sums of each blog, and the node's readers where the number
// is new or about to expire. After one that can't be written all wait for the
// next time: each would wait as long for a database that is away.
func (b *Batcher) flush(ctx context.Context) {
	readers := b.audience.Readers()
	b.mu.Lock()
	pending := b.pending
	b.pending, b.size = map[uuid.UUID]map[uuid.UUID]int64{}, 0
	b.mu.Unlock()
	written := true
	for blogID := range union(pending, readers, b.told) {
		counts, now := pending[blogID], presence{readers[blogID], time.Now()}
		switch {
		case len(counts) == 0 && b.upToDate(blogID, now):
		case !written || ctx.Err() != nil:
			b.putBack(blogID, counts)
		default:
			written = b.write(ctx, blogID, counts, now)
		}
	}
}

// write reports whether the database took the counts of a blog. Those whose
// fate is unknown are given up: a view that is lost is better than one made up.
func (b *Batcher) write(ctx context.Context, blogID uuid.UUID, counts map[uuid.UUID]int64, now presence) bool {
	err := b.store.AddViews(ctx, b.nodeID, blogID, counts, now.readers)
	if err == nil {
		b.noteTold(blogID, now)
		return true
	}
	slog.WarnContext(ctx, "views wait for the database", "blog", blogID, "error", err)
	if !errors.Is(err, liveblog.ErrUnknownOutcome) {
		b.putBack(blogID, counts)
	}
	return false
}

func (b *Batcher) upToDate(blogID uuid.UUID, now presence) bool {
	told, known := b.told[blogID]
	if now.readers == 0 {
		return !known || told.readers == 0
	}
	return known && told.readers == now.readers && now.at.Sub(told.at) < refresh
}

func (b *Batcher) noteTold(blogID uuid.UUID, now presence) {
	if now.readers == 0 {
		delete(b.told, blogID)
		return
	}
	b.told[blogID] = now
}

func (b *Batcher) putBack(blogID uuid.UUID, counts map[uuid.UUID]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for post, n := range counts {
		b.count(blogID, post, n)
	}
}

// tell reads the counts that changed, on whatever node, and hands them to the
// readers of this one.
func (b *Batcher) tell(ctx context.Context) {
	var watched []uuid.UUID
	for blogID, n := range b.audience.Readers() {
		if n > 0 {
			watched = append(watched, blogID)
		}
	}
	if len(watched) == 0 {
		return
	}
	counts, err := b.store.Counts(ctx, watched, true)
	if err != nil {
		return
	}
	for blogID, c := range counts {
		b.audience.Views(blogID, c)
	}
}

func union(pending map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64, told map[uuid.UUID]presence) map[uuid.UUID]struct{} {
	out := map[uuid.UUID]struct{}{}
	for id := range pending {
		out[id] = struct{}{}
	}
	for id := range readers {
		out[id] = struct{}{}
	}
	for id := range told {
		out[id] = struct{}{}
	}
	return out
}
