package stream

import (
	"context"
	"errors"
	"time"

	"dateline/internal/listen"
	"dateline/internal/liveblog"

	"golang.org/x/sys/unix"
)

// watched are the kernel's words about a reader's socket: it takes bytes again,
// or the reader is gone. What the reader sends is not read: it has nothing to say.
const watched = unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// seat gives a reader a seat and what it is owed.
func (l *loop) seat(a arrival) {
	i := l.freeSeat()
	r := &l.seats[i]
	l.tags++
	*r = seat{sub: a.sub, prefix: a.prefix, closed: a.closed, rest: a.first, fd: int32(a.fd), index: i, tag: l.tags, sent: l.clock}
	g := l.groupOf(a.sub.topic)
	r.silence = ticks(jittered(heartbeat))
	r.place = int32(len(g.readers))
	g.readers = append(g.readers, i)
	l.schedule(i, l.clock)
	ev := unix.EpollEvent{Events: watched, Fd: i, Pad: int32(r.tag)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, a.fd, &ev); err != nil {
		l.close(i, "gone")
		return
	}
	if l.leaving {
		l.dismiss(i)
	}
	l.serve(i)
	if len(l.seats[i].rest) == 0 {
		openings.Put(a.buffer)
	}
}

// taken finds a seat by its index, if the same reader has it still.
func (l *loop) taken(index int32, tag uint32) *seat {
	if int(index) >= len(l.seats) {
		return nil
	}
	if r := &l.seats[index]; r.closed != nil && r.tag == tag {
		return r
	}
	return nil
}

func (l *loop) freeSeat() int32 {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		return i
	}
	l.seats = append(l.seats, seat{})
	l.wheel.grow(len(l.seats))
	return int32(len(l.seats) - 1)
}

// groupOf finds the readers of a topic in this loop, and lets the topic know of them.
func (l *loop) groupOf(t *topic) *group {
	g := l.groups[t]
	if g == nil {
		g = &group{loop: l, topic: t}
		l.groups[t] = g
		t.enlist(g)
	}
	return g
}

// handle hears the kernel's word about a socket.
func (l *loop) handle(ev unix.EpollEvent) {
	if ev.Fd == none {
		var count [8]byte
		_, _ = unix.Read(l.bell, count[:]) // empty if somebody was faster
		return
	}
	r := l.taken(ev.Fd, uint32(ev.Pad))
	switch {
	case r == nil: // one who has left
	case ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0:
		l.close(ev.Fd, "gone")
	case r.blocked:
		r.blocked = false
		l.serve(ev.Fd)
	}
}

// serve writes to a reader what it is owed, as far as its socket takes it.
func (l *loop) serve(i int32) {
	if l.served++; l.served%glance == 0 {
		l.look()
	}
	for {
		r := &l.seats[i]
		if r.closed == nil || r.blocked {
			return
		}
		if r.ending != "" && len(r.rest) == 0 {
			l.close(i, r.ending)
			return
		}
		if !l.write(i) {
			return
		}
	}
}

// write writes the rest, the page or what is due, and reports whether there may
// be more to write now.
func (l *loop) write(i int32) bool {
	r := &l.seats[i]
	if r.ending != "" || len(r.page) > 0 || r.fetching || r.away {
		return l.writePage(r, i)
	}
	before := r.sub
	d := l.share.next(&r.sub)
	n, ok := l.send(r, d.buffers)
	if !ok {
		l.close(i, "gone")
		return false
	}
	if n < len(d.buffers) { // the socket is full: come back to the first one that was not begun
		l.rewind(r, before, d, n)
		return false
	}
	l.delivered(d.events, d.newest)
	if d.over {
		r.ending = nameEnd
		return true
	}
	if d.behind {
		l.fetch(i)
	}
	return false
}

// rewind takes back what was due after the first n buffers.
func (l *loop) rewind(r *seat, before Subscriber, d due, n int) {
	events := max(0, n-d.first)
	if events < d.events {
		r.sub.cursor, r.sub.views = d.from+int64(events), before.views
	} else if n == d.first+d.events && d.views {
		r.sub.views = before.views
	}
	if n < d.first {
		r.sub = before
	}
	l.delivered(min(events, d.events), d.newest)
}

// delivered counts what a reader got of the log.
func (l *loop) delivered(events int, newest int64) {
	if events > 0 {
		l.tally.add(l.hub.metrics, events, newest)
	}
}

// tally gathers what a loop delivered: to count each delivery by itself, and to
// read the clock for it, would cost a tenth of it.
type tally struct {
	events  int
	readers int
	newest  int64 // event of all these readers: when it was committed, Unix nanoseconds
}

func (t *tally) add(m Metrics, events int, newest int64) {
	if newest != t.newest {
		t.report(m, time.Now())
	}
	t.events, t.readers, t.newest = t.events+events, t.readers+1, newest
}

// report tells what was gathered, as of now, and begins anew.
func (t *tally) report(m Metrics, now time.Time) {
	if t.readers > 0 {
		m.Delivered(t.events)
		m.Latency(now.Sub(time.Unix(0, t.newest)), t.readers)
	}
	*t = tally{}
}

// writePage writes what is left of a page of the log. A reader who waits for one,
// or for its end, gets nothing but the rest.
func (l *loop) writePage(r *seat, i int32) bool {
	buffers := l.buffers[:0]
	for _, f := range r.page {
		buffers = append(buffers, f.to(&r.sub))
	}
	l.buffers = buffers[:0]
	n, ok := l.send(r, buffers)
	if !ok {
		l.close(i, "gone")
		return false
	}
	if n > 0 {
		r.sub.come(r.page[n-1])
		l.hub.metrics.Delivered(n)
	}
	if r.page = r.page[n:]; len(r.page) > 0 {
		return false
	}
	r.page = nil
	return !r.fetching && !r.away && len(r.rest) == 0
}

// fetch asks for the page of the log that comes next, away from the loop.
func (l *loop) fetch(i int32) {
	r := &l.seats[i]
	r.fetching = true
	d := delivery{index: i, tag: r.tag, sub: r.sub}
	started := l.hub.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, stalled)
		defer cancel()
		d.frames, d.refused, d.err = d.sub.catchUp(ctx)
		l.ring(func() { l.pages = append(l.pages, d) })
	})
	if !started {
		l.close(i, "gone")
	}
}

// takePage goes on with a reader whose page is there.
func (l *loop) takePage(d delivery) {
	r := l.taken(d.index, d.tag)
	if r == nil {
		return
	}
	r.fetching = false
	switch {
	case errors.Is(d.err, liveblog.ErrUnavailable):
		r.away = true
		l.wheel.set(d.index, l.clock+ticks(pageRetry))
		return
	case d.err != nil:
		l.close(d.index, reasonOf(d.err))
		return
	case d.refused != nil:
		r.sub = d.sub
		r.rest = append(r.rest, r.sub.own(r.sub.reset(*d.refused))...)
	default:
		r.page = d.frames
	}
	l.serve(d.index)
}

// wake is what a reader's turn of the wheel is for.
func (l *loop) wake(i int32) {
	if l.seats[i].away {
		l.seats[i].away = false
		l.serve(i)
	}
	r := &l.seats[i]
	now := l.clock
	switch {
	case r.closed == nil:
		return
	case l.leaving && int32(now-r.leaveAt) >= 0 && r.ending == "":
		r.rest, r.ending, r.page = append(r.rest, r.sub.last(byeFrame())...), nameBye, nil
		l.serve(i)
	case r.blocked && l.leaving && l.hub.farewellOver():
		l.close(i, nameBye)
		return
	case r.blocked && l.stalled(r, now):
		l.close(i, "stalled")
		return
	case r.blocked:
	case int32(now-r.sent) >= int32(r.silence) && len(r.rest) == 0:
		r.rest = append(r.rest, r.sub.own(pingFrame(r.sub.topic.head()))...)
		l.serve(i)
	}
	if l.seats[i].closed != nil {
		l.schedule(i, now)
	}
}

// schedule sets when a reader is looked at next.
func (l *loop) schedule(i int32, now uint32) {
	r := &l.seats[i]
	next := (r.sent + r.silence + company - 1) / company * company
	if l.leaving && r.ending == "" && int32(next-r.leaveAt) > 0 {
		next = r.leaveAt
	}
	if r.blocked {
		next = now + ticks(stallCheck)
	}
	l.wheel.set(i, next)
}

// stalled looks whether a blocked reader has taken anything, as Conn.Write does.
func (l *loop) stalled(r *seat, now uint32) bool {
	queued, err := unix.IoctlGetInt(int(r.fd), unix.SIOCOUTQ)
	if err != nil {
		return true
	}
	if int32(queued) < r.watch.queued {
		r.watch.progress = now
	}
	r.watch.queued = int32(queued)
	return now-r.watch.progress > ticks(stalled) || now-r.watch.began > listen.MaxSlowness*ticks(stalled)
}

// block notes that a socket is full after it took n bytes.
func (l *loop) block(r *seat, n int) {
	now := l.clock
	if !r.watch.watching {
		r.watch = patience{watching: true, began: now, progress: now}
	}
	if n > 0 {
		r.watch.progress = now
	}
	r.blocked = true
	l.wheel.set(r.index, now+ticks(stallCheck))
}

// leave gives every reader a random moment of the drain to go at.
func (l *loop) leave() {
	l.leaving = true
	for i := range l.seats {
		if l.seats[i].closed != nil {
			l.dismiss(int32(i))
		}
	}
}

func (l *loop) dismiss(i int32) {
	now := l.clock
	l.seats[i].leaveAt = now + ticks(l.hub.leaveIn())
	l.schedule(i, now)
}

// abandon closes what is left when the node stops.
func (l *loop) abandon() {
	l.mu.Lock()
	l.stopped = true
	arrived := l.arrived
	l.mu.Unlock()
	for _, a := range arrived {
		l.seat(a)
	}
	for i := range l.seats {
		if l.seats[i].closed != nil {
			l.close(int32(i), nameBye)
		}
	}
	l.closeFiles()
}

// close ends a reader's stream and frees its seat. Closing the socket takes it
// out of the epoll set.
func (l *loop) close(i int32, reason string) {
	r := &l.seats[i]
	fd := int(r.fd)
	defer unix.Close(fd) // last: whoever hears of it finds the books closed
	l.wheel.remove(i)
	l.unseat(r)
	t, prefix, closed := r.sub.topic, r.prefix, r.closed
	*r = seat{tag: r.tag}
	l.free = append(l.free, i)
	l.count.Add(-1)
	t.join(-1)
	l.hub.limits.release(t.blogID, prefix)
	closed()
	l.hub.metrics.Closed(reason)
}

// unseat takes a reader off the list of its topic's.
func (l *loop) unseat(r *seat) {
	t := r.sub.topic
	g := l.groups[t]
	last := g.readers[len(g.readers)-1]
	g.readers[r.place] = last
	l.seats[last].place = r.place
	g.readers = g.readers[:len(g.readers)-1]
	if len(g.readers) == 0 {
		delete(l.groups, t)
		t.forget(g)
	}
}
