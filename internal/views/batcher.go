// Package views counts how often posts are seen. Beacons are summed in memory
// and written once a second, one statement for all blogs, whatever the number of
// readers; the new absolute counts go back to the readers.
//
// Goroutines: Batcher.Run is the caller's and ends with its context, when all is
// written or lastFlush after it. A node that is killed loses what it counted since its last flush,
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
	// refresh is how often a node says at least that it lives: its readers count
	// for five seconds.
	refresh = 2 * time.Second
	// lookAgain is how often the readers of all watched blogs are read, changed or not.
	lookAgain = 30 * time.Second
	// crowdSize is how many readers, and crowdShare which part of all, must have come or
	// gone since the last look for counts to be held back; maxHeld is for how many
	// looks they are at most.
	crowdSize  = 500
	crowdShare = 10
	maxHeld    = 2
	// lastFlush bounds the flushes at the end, lastPause is between two of them.
	lastFlush = 8 * time.Second
	lastPause = 500 * time.Millisecond
	// maxFlush is how many posts one statement counts.
	maxFlush = 10_000
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
	// AddViews adds to the views of posts, by blog, and sets the readers of this
	// node where they changed. It goes on when ctx is cancelled and ends by its
	// deadline. known tells that what was said before still stands.
	AddViews(ctx context.Context, nodeID uuid.UUID, views map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64) (known bool, err error)
	// ChangedCounts reads what changed since the last look in these blogs, and the
	// readers of the fresh ones in any case. now begins the next look.
	ChangedCounts(ctx context.Context, blogs, fresh []uuid.UUID, since time.Time) (counts map[uuid.UUID]liveblog.Counts, now time.Time, err error)
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

	// By Run alone:
	told      map[uuid.UUID]int64 // what the database knows of this node's readers
	toldAt    time.Time
	watched   map[uuid.UUID]struct{} // the blogs of the last look
	looked    time.Time              // when that was, by the database's clock
	total     int64                  // readers at the last look, of all blogs
	held      int                    // looks since counts were told
	wholeLook time.Time
}

// New makes the batcher of a node.
func New(store Store, audience Audience, nodeID uuid.UUID) *Batcher {
	return &Batcher{
		store: store, audience: audience, nodeID: nodeID,
		pending: map[uuid.UUID]map[uuid.UUID]int64{}, seed: maphash.MakeSeed(),
		seen: map[uint64]struct{}{}, seenOld: map[uint64]struct{}{}, rotated: time.Now(),
		addresses: map[netip.Prefix]int{}, minute: time.Now(), told: map[uuid.UUID]int64{},
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

// Run flushes once a second until ctx ends, and then as often as it takes until
// all is written or lastFlush is over.
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
		if !b.crowded() {
			b.tell(ctx)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	b.flushAll(last)
}

// flushAll tries until no view is left. The readers' number is told by the way:
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

// waiting is how many posts have views that are not written.
func (b *Batcher) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// flush writes the sums of all blogs, and the node's readers where the number is
// another than the database knows. It reports whether the database took all.
// After a part that can't be written the rest waits for the next time.
func (b *Batcher) flush(ctx context.Context) bool {
	readers := b.changedReaders()
	for {
		part, more := b.take()
		if len(part) == 0 && len(readers) == 0 && !b.silentFor(refresh) {
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

// take takes the sums of at most maxFlush posts from those that wait, and tells
// whether it left any.
func (b *Batcher) take() (part map[uuid.UUID]map[uuid.UUID]int64, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size <= maxFlush {
		all := b.pending
		b.pending, b.size = map[uuid.UUID]map[uuid.UUID]int64{}, 0
		return all, false
	}
	part = map[uuid.UUID]map[uuid.UUID]int64{}
	left := maxFlush
	for blogID, posts := range b.pending {
		if left == 0 {
			break
		}
		left -= b.takeFrom(blogID, posts, left, part)
	}
	return part, true
}

// takeFrom moves the sums of at most n posts of a blog into part, and tells of how many.
func (b *Batcher) takeFrom(blogID uuid.UUID, posts map[uuid.UUID]int64, n int, part map[uuid.UUID]map[uuid.UUID]int64) (taken int) {
	part[blogID] = map[uuid.UUID]int64{}
	for post, views := range posts {
		if taken == n {
			break
		}
		part[blogID][post] = views
		delete(posts, post)
		taken++
	}
	if len(posts) == 0 {
		delete(b.pending, blogID)
	}
	b.size -= taken
	return taken
}

// write reports whether the database took a part. Counts whose fate is unknown
// are given up: a view that is lost is better than one made up.
func (b *Batcher) write(ctx context.Context, part map[uuid.UUID]map[uuid.UUID]int64, readers map[uuid.UUID]int64) bool {
	known, err := b.store.AddViews(ctx, b.nodeID, part, readers)
	if err == nil {
		b.noteTold(readers, known)
		return true
	}
	slog.WarnContext(ctx, "views wait for the database", "blogs", len(part), "error", err)
	if !errors.Is(err, liveblog.ErrUnknownOutcome) {
		b.putBack(part)
	}
	return false
}

// changedReaders are the blogs whose number of readers the database does not know.
func (b *Batcher) changedReaders() map[uuid.UUID]int64 {
	changed, now := map[uuid.UUID]int64{}, b.audience.Readers()
	for blogID, n := range now {
		if b.told[blogID] != n {
			changed[blogID] = n
		}
	}
	for blogID := range b.told {
		if _, there := now[blogID]; !there {
			changed[blogID] = 0
		}
	}
	return changed
}

// silentFor reports whether this node has readers and has not said for so long
// that it lives.
func (b *Batcher) silentFor(d time.Duration) bool {
	return len(b.told) > 0 && time.Since(b.toldAt) >= d
}

// noteTold keeps what the database knows. Where it has forgotten this node, as
// after a crash, the next flush says everything again.
func (b *Batcher) noteTold(readers map[uuid.UUID]int64, known bool) {
	if !known {
		clear(b.told)
	}
	b.toldAt = time.Now()
	for blogID, n := range readers {
		if n == 0 {
			delete(b.told, blogID)
		} else {
			b.told[blogID] = n
		}
	}
}

func (b *Batcher) putBack(part map[uuid.UUID]map[uuid.UUID]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for blogID, posts := range part {
		for post, n := range posts {
			b.count(blogID, post, n)
		}
	}
}

// crowded reports whether a crowd is coming or going. Their number changes all the
// time then, and to tell it to each of those who are there already would take CPU
// from letting the others in.
func (b *Batcher) crowded() bool {
	var total int64
	for _, n := range b.audience.Readers() {
		total += n
	}
	moved := max(total-b.total, b.total-total)
	b.total = total
	if moved < crowdSize || moved*crowdShare < total || b.held == maxHeld {
		b.held = 0
		return false
	}
	b.held++
	return true
}

// tell reads the counts that changed, on whatever node, and hands them to the
// readers of this one.
func (b *Batcher) tell(ctx context.Context) {
	watched, fresh := b.watch()
	if len(watched) == 0 {
		b.looked = time.Time{}
		return
	}
	counts, now, err := b.store.ChangedCounts(ctx, watched, fresh, b.looked)
	if err != nil {
		clear(b.watched)
		return
	}
	b.looked = now
	for blogID, c := range counts {
		b.audience.Views(blogID, c)
	}
}

// watch lists the blogs that have readers here, and those of them whose counts
// this node may not know: new ones, and now and then all.
func (b *Batcher) watch() (watched, fresh []uuid.UUID) {
	before := b.watched
	if time.Since(b.wholeLook) >= lookAgain {
		before, b.wholeLook = nil, time.Now()
	}
	b.watched = map[uuid.UUID]struct{}{}
	for blogID, n := range b.audience.Readers() {
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
