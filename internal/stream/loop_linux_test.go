package stream

import (
	"net"
	"strings"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// A loop sleeps until a connection is due, and wakes once for all heartbeats of a second.
func TestLoop_SleepsUntilADeadline(t *testing.T) {
	t.Parallel()
	l, err := newLoop(startHub(t, newMemoryLog(), roomy))
	if err != nil {
		t.Fatal(err)
	}
	defer l.closeFiles()
	if got := l.pollTimeout(); got != -1 {
		t.Errorf("without readers it sleeps %d ms", got)
	}
	l.count.Add(3)
	l.wheel.grow(3)
	for i := range int32(3) {
		l.conns = append(l.conns, conn{index: i, silence: uint32(201 + i)})
		l.schedule(&l.conns[i])
	}
	if got := l.pollTimeout(); got < 15_000 || got > 21_001 {
		t.Errorf("it sleeps %d ms", got)
	}
	l.began = l.began.Add(-tick << 32) // the count of ticks wraps around
	if got := l.pollTimeout(); got < 15_000 || got > 21_001 {
		t.Errorf("after the wrap it sleeps %d ms", got)
	}
	woken := 0
	l.wheel.turn(210, func(int32) { woken++ })
	if woken != 3 {
		t.Errorf("%d of 3 are woken together", woken)
	}
}

// After a burst of connections the loop frees their memory, and what comes late for
// one of them finds none.
func TestLoop_ShrinksAfterABurst(t *testing.T) {
	t.Parallel()
	const burst = 2000
	l, err := newLoop(startHub(t, newMemoryLog(), roomy))
	if err != nil {
		t.Fatal(err)
	}
	defer l.closeFiles()
	var indices []int32
	for range burst {
		indices = append(indices, l.freeIndex())
	}
	l.free = indices[1:]
	if l.shrink(); len(l.conns) != burst {
		t.Fatalf("%d conns are left while one is open", len(l.conns))
	}
	l.free = indices
	if l.shrink(); l.conns != nil || l.free != nil || l.wheel.links != nil {
		t.Fatalf("%d conns are left, %d of them free", len(l.conns), len(l.free))
	}
	l.handle(unix.EpollEvent{Events: unix.EPOLLOUT, Fd: burst - 1, Pad: 1})
	l.takePage(pageResult{index: burst - 1, tag: 1})
	if i := l.freeIndex(); i != 0 || len(l.wheel.links) != 1 {
		t.Errorf("the next connection gets index %d", i)
	}
}

// A connection has one deadline, the first of all that its state asks for, and the
// wheel wakes it in vain before that.
func TestLoop_SchedulesTheFirstDeadline(t *testing.T) {
	t.Parallel()
	l, err := newLoop(startHub(t, newMemoryLog(), roomy))
	if err != nil {
		t.Fatal(err)
	}
	defer l.closeFiles()
	l.conns = append(l.conns, conn{release: func() {}, silence: 200})
	l.wheel.grow(1)
	c := &l.conns[0]
	for _, step := range []struct {
		what   string
		change func()
		want   deadline
	}{
		{"silent", func() {}, deadline{200, sendHeartbeat}},
		{"written to", func() { l.clock, c.sent = 50, 41 }, deadline{250, sendHeartbeat}},
		{"blocked", func() { c.blocked = true }, deadline{70, checkStall}},
		{"without its page", func() { c.awaitsRetry = true }, deadline{60, retryPage}},
		{"told to leave later", func() { l.draining, c.goodbyeAt = true, 400 }, deadline{60, retryPage}},
		{"told to leave soon", func() { c.goodbyeAt = 55 }, deadline{55, sayGoodbye}},
		{"leaving", func() { c.ending = endsForDrain }, deadline{60, retryPage}},
		{"unblocked, with its page", func() { c.blocked, c.awaitsRetry = false, false }, deadline{250, sendHeartbeat}},
		{"told to leave after a turn of the wheel", func() { c.ending, c.goodbyeAt, c.silence = stillOpen, 350, 1000 }, deadline{350, sayGoodbye}},
	} {
		step.change()
		if l.schedule(c); c.deadline != step.want {
			t.Errorf("%s: the deadline is %+v, want %+v", step.what, c.deadline, step.want)
		}
	}
	l.wheel.now, l.clock = 50, 340
	l.deadlineReached(0)
	if next := l.wheel.next(); next != 50+wheelSlots-1 || c.ending != stillOpen {
		t.Errorf("woken too early, it is woken again at %d, ending %d", next, c.ending)
	}
}

// BenchmarkLoopWalk is what one event costs with a hundred connections of a loop,
// system calls included.
func BenchmarkLoopWalk(b *testing.B) {
	log := newMemoryLog()
	h := New(log, encodeText, &noMetrics{}, roomy)
	t, err := h.enter(b.Context(), blogA, 100, 0)
	if err != nil {
		b.Fatal(err)
	}
	l, err := newLoop(h)
	if err != nil {
		b.Fatal(err)
	}
	defer l.closeFiles()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(pair[1])
	for range 100 {
		fd, err := unix.Dup(pair[0])
		if err != nil {
			b.Fatal(err)
		}
		l.add(newConn{sub: Subscriber{topic: t, chunked: true}, fd: fd, release: func() {}, buffer: new([openingSize]byte)})
	}
	post := &liveblog.Post{Text: strings.Repeat("x", 300), Status: liveblog.PostPublished}
	received := make([]byte, 1<<20)
	b.ReportAllocs()
	for i := range b.N {
		id := uuid.New()
		ev := liveblog.Event{BlogID: blogA, Seq: int64(i) + 1, Type: liveblog.EventPost, PostID: &id, Version: 1, Post: post}
		before := t.ring.chainAt(int64(i))
		ev.Chain = before.Next(ev)
		if err := t.append(int64(i), before, []liveblog.Event{ev}); err != nil {
			b.Fatal(err)
		}
		for c := range int32(100) {
			l.serve(c)
		}
		l.shared.drop()
		for n := 1; n > 0; {
			n, _ = unix.Read(pair[1], received)
		}
	}
	b.StopTimer()
	for i := range l.conns {
		if l.conns[i].sub.cursor != int64(b.N) {
			b.Fatalf("connection %d is at %d", i, l.conns[i].sub.cursor)
		}
		l.close(&l.conns[i], reasonDisconnected)
	}
	unix.Close(pair[0])
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/reader")
}

// A connection that can't be handed over is served by its goroutine.
func TestHandOff_LeavesConnectionsWithoutASocket(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	log.publish(2)
	h := startHub(t, log, roomy)
	c := followThrough(t, h, Position{HasAfter: true}, coveredListener{openPort(t)})
	for _, want := range []string{"hello", "post", "post"} {
		if got := c.next().name; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, loop := range h.loops {
		if n := loop.count.Load(); n != 0 {
			t.Errorf("a loop has %d readers", n)
		}
	}
}

// coveredListener hides the sockets of its connections.
type coveredListener struct{ net.Listener }

func (l coveredListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
}
