package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

func TestServe_BytesOfAStream(t *testing.T) {
	frame, err := newFrame(liveblog.Event{Seq: 7, Type: liveblog.EventPost, Post: &liveblog.Post{Version: 1, Text: "a\nb\r\u2028", Status: liveblog.PostPublished}}, encodeText)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want string }{
		"frame": {string(frame.SSE), "event: post\nid: 7\ndata: {\"text\":\"a\\nb\\r\\u2028\",\"version\":1}\n\n"},
		"data":  {string(frame.Data), "{\"text\":\"a\\nb\\r\\u2028\",\"version\":1}"},
		"reset": {string(resetFrame(reset{Reason: "epoch", Epoch: "x", Head: 3})), "event: reset\nid: 3\ndata: {\"reason\":\"epoch\",\"epoch\":\"x\",\"head\":3}\n\n"},
		"ping":  {string(pingFrame(3)), "event: ping\ndata: {\"head\":3}\n\n"},
		"end":   {string(endFrame(3)), "event: end\ndata: {\"head\":3}\n\n"},
		"views": {string(viewsFrame(liveblog.Counts{Posts: map[uuid.UUID]int64{blogA: 2}, Readers: 1})), "event: views\ndata: {\"posts\":{\"" + blogA.String() + "\":2},\"readers\":1}\n\n"},
		"retry": {string(retryLine(1500)), "retry: 1500\n\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", name, c.got, c.want)
		}
	}
}

func TestServe_ReplayThenLive(t *testing.T) {
	log := newMemoryLog()
	log.publish(5)
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{After: 2, HasAfter: true, Epoch: "one"})
	c.expect("hello", "2")
	c.expectRange(3, 5)
	log.publish(2)
	h.Wake(blogA, 7)
	c.expectRange(6, 7)
}

// Every position in a log longer than the ring is resumed whole, with events
// coming in meanwhile.
func TestServe_ResumesFromEveryPosition(t *testing.T) {
	log := newMemoryLog()
	const old, more = 3 * fetchLimit, maxRingFrames + 100
	log.publish(old)
	h := startHub(t, log, roomy)
	first := follow(t, h, Position{After: old, HasAfter: true})
	first.expect("hello", fmt.Sprint(old))
	log.publish(more)
	h.Wake(blogA, old+more)
	first.expectRange(old+1, old+more)
	for _, after := range []int64{0, 1, fetchLimit - 1, fetchLimit, old, old + more - maxRingFrames - 1, old + more - maxRingFrames, old + more - 1, old + more} {
		c := follow(t, h, Position{After: after, HasAfter: true})
		c.expect("hello", fmt.Sprint(after))
		c.expectRange(after+1, old+more)
	}
}

func TestServe_Positions(t *testing.T) {
	log := newMemoryLog()
	log.publish(10)
	log.head.LowSeq = 3
	h := startHub(t, log, roomy)
	for name, c := range map[string]struct {
		position Position
		from     string
		reason   string
		events   int64 // first to follow
	}{
		"none":              {Position{}, "10", "", 11},
		"head":              {Position{After: 10, HasAfter: true}, "10", "", 11},
		"horizon":           {Position{After: 3, HasAfter: true}, "3", "", 4},
		"below the horizon": {Position{After: 2, HasAfter: true}, "10", reasonPruned, 11},
		"beyond the head":   {Position{After: 11, HasAfter: true}, "10", reasonAhead, 11},
		"another epoch":     {Position{After: 5, HasAfter: true, Epoch: "two"}, "10", reasonEpoch, 11},
		"no number":         {Position{Invalid: true}, "10", reasonInvalid, 11},
	} {
		t.Run(name, func(t *testing.T) {
			client := follow(t, h, c.position)
			client.expect("hello", c.from)
			if c.reason != "" {
				if m := client.expect("reset", c.from); !strings.Contains(m.data, `"reason":"`+c.reason+`"`) {
					t.Errorf("reset says %s, want %s", m.data, c.reason)
				}
			}
			client.expectRange(c.events, 10)
		})
	}
}

// A cursor ahead of this node is believed when the database knows it.
func TestServe_CursorOfAFasterNode(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "0")
	log.publish(5)
	c := follow(t, h, Position{After: 5, HasAfter: true})
	c.expect("hello", "5")
	log.publish(1)
	h.Wake(blogA, 6)
	c.expect("post", "6")
}

// So is one that the database learned while it answered somebody else.
func TestServe_CursorNewerThanTheQuestionUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		follow(t, h, Position{}).expect("hello", "0")
		log.publish(1)
		log.answer = make(chan struct{})
		first := follow(t, h, Position{After: 1, HasAfter: true})
		synctest.Wait()
		log.publish(1)
		second := follow(t, h, Position{After: 2, HasAfter: true})
		synctest.Wait()
		close(log.answer)
		first.expect("hello", "1")
		second.expect("hello", "2")
		log.publish(1)
		h.Wake(blogA, 3)
		first.expectRange(2, 3)
		second.expect("post", "3")
	})
}

// A cursor that the database has confirmed stays good when the events before it
// can't be fetched just then.
func TestServe_CursorConfirmedButNotFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		follow(t, h, Position{}).expect("hello", "0")
		log.publish(5)
		log.breakDown(errAway)
		h.Heads([]liveblog.Head{log.now()})
		synctest.Wait()
		c := follow(t, h, Position{After: 5, HasAfter: true})
		c.expect("hello", "5")
		log.breakDown(nil)
		log.publish(1)
		h.Wake(blogA, 6)
		c.expect("post", "6")
	})
}

// An epoch that this node has not heard of yet is asked for, and news from
// before it do not bring the old one back.
func TestServe_EpochOfAFasterNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		log.publish(5)
		h := startHub(t, log, roomy)
		old := follow(t, h, Position{After: 5, HasAfter: true, Epoch: "one"})
		old.expect("hello", "5")
		before := log.now()
		log.rewind(5, "two")
		c := follow(t, h, Position{After: 5, HasAfter: true, Epoch: "two"})
		c.expect("hello", "5")
		old.expect("reset", "5")
		h.Heads([]liveblog.Head{before})
		synctest.Wait()
		log.publish(1)
		h.Wake(blogA, 6)
		c.expect("post", "6")
		old.expect("post", "6")
	})
}

func TestServe_ResetWhenHistoryIsAnother(t *testing.T) {
	for name, epoch := range map[string]string{"new epoch": "two", "rewound": "one"} {
		t.Run(name, func(t *testing.T) {
			log := newMemoryLog()
			log.publish(8)
			h := startHub(t, log, roomy)
			c := follow(t, h, Position{After: 8, HasAfter: true, Epoch: "one"})
			c.expect("hello", "8")
			log.rewind(4, epoch)
			h.Heads([]liveblog.Head{log.now()})
			c.expect("reset", "4")
			log.publish(1)
			h.Wake(blogA, 5)
			c.expect("post", "5")
		})
	}
}

// A report of heads that was read before the ring grew is no rewind.
func TestHub_OldNewsIsNoRewind(t *testing.T) {
	log := newMemoryLog()
	log.publish(2)
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{})
	c.expect("hello", "2")
	old := log.now()
	log.publish(3)
	h.Wake(blogA, 5)
	c.expectRange(3, 5)
	h.Heads([]liveblog.Head{old})
	log.publish(1)
	h.Wake(blogA, 6)
	c.expect("post", "6")
}

func TestServe_EndedBlog(t *testing.T) {
	log := newMemoryLog()
	log.publish(3)
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{After: 3, HasAfter: true})
	c.expect("hello", "3")
	log.end()
	h.Wake(blogA, 4)
	c.expect("blog", "4")
	c.expect("end", "")
	c.expect("closed", "")
	late := follow(t, h, Position{After: 2, HasAfter: true})
	late.expect("hello", "2")
	late.expectRange(3, 4)
	late.expect("end", "")
	if m := follow(t, h, Position{After: 4, HasAfter: true}).next(); m.name != "closed" {
		t.Errorf("a reader with all of an ended blog got %+v, want 204", m)
	}
}

// A text that was corrected or removed is not replayed, from ring or log.
func TestServe_OldTextIsNeverReplayed(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	live := follow(t, h, Position{After: 0, HasAfter: true})
	live.expect("hello", "0")
	corrected, removed := uuid.New(), uuid.New()
	steps := []struct {
		event   liveblog.EventType
		post    uuid.UUID
		version int64
		text    string
	}{
		{liveblog.EventPost, corrected, 1, "wrong"}, {liveblog.EventPost, removed, 1, "libel"},
		{liveblog.EventUpdate, corrected, 2, "right"}, {liveblog.EventDelete, removed, 2, ""},
	}
	for _, s := range steps {
		h.Wake(blogA, log.append(s.event, s.post, s.version, s.text))
		live.expectRange(log.now().LastSeq, log.now().LastSeq)
	}
	late := follow(t, h, Position{After: 0, HasAfter: true})
	late.expect("hello", "0")
	want := []message{
		{"post", "1", `{"text":"right","version":2}`}, {"delete", "2", `{"version":2}`},
		{"update", "3", `{"text":"right","version":2}`}, {"delete", "4", `{"version":2}`},
	}
	for _, w := range want {
		if m := late.next(); m != w {
			t.Errorf("got %+v, want %+v", m, w)
		}
	}
}

// A feed that corrects one post again and again costs one rendering per frame
// and fetch, and nobody waits for the renderer.
func TestHub_PostThatChangesOften(t *testing.T) {
	const n = 200
	log := newMemoryLog()
	var encoded atomic.Int64
	var h *Hub
	h = startEncodingHub(t, log, roomy, func(ev liveblog.Event) (string, []byte, error) {
		encoded.Add(1)
		h.Readers() // stands still if the topic is locked
		return encodeText(ev)
	})
	c := follow(t, h, Position{})
	c.expect("hello", "0")
	score := uuid.New()
	for range 2 {
		encoded.Store(0)
		from := log.now().LastSeq
		for i := range int64(n) {
			log.append(liveblog.EventUpdate, score, from+i+2, "goal")
		}
		h.Wake(blogA, from+n)
		c.expectRange(from+1, from+n)
	}
	if got := encoded.Load(); got > 2*n {
		t.Errorf("%d events beside %d older ones of the same post were rendered %d times", n, n, got)
	}
}

// An event about the blog carries its pinned post: that text is told anew too
// when the post was corrected, and not at all when it was removed or unpinned.
func TestServe_OldTextOfThePinnedPostIsNeverReplayed(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	live := follow(t, h, Position{After: 0, HasAfter: true})
	live.expect("hello", "0")
	news := func(seq int64) {
		t.Helper()
		h.Wake(blogA, seq)
		live.expectRange(seq, seq)
	}
	replayed := func(want ...string) {
		t.Helper()
		late := follow(t, h, Position{After: 0, HasAfter: true})
		late.expect("hello", "0")
		for _, w := range want {
			if m := late.next(); m.data != w {
				t.Errorf("got %+v, want %s", m, w)
			}
		}
	}
	first, second := uuid.New(), uuid.New()
	news(log.append(liveblog.EventPost, first, 1, "wrong"))
	news(log.pin(&liveblog.Post{ID: first, Version: 1, Text: "wrong", Status: liveblog.PostPublished}))
	news(log.append(liveblog.EventUpdate, first, 2, "right"))
	replayed(`{"text":"right","version":2}`, `{"pinned":"right"}`, `{"text":"right","version":2}`)
	news(log.append(liveblog.EventDelete, first, 3, ""))
	gone := `{"version":3}`
	replayed(gone, `{"pinned":""}`, gone, gone)
	news(log.pin(&liveblog.Post{ID: second, Version: 1, Text: "second", Status: liveblog.PostPublished}))
	replayed(gone, `{"pinned":"second"}`, gone, gone, `{"pinned":"second"}`)
	news(log.pin(nil))
	replayed(gone, `{"pinned":""}`, gone, gone, `{"pinned":""}`, `{"pinned":""}`)
}

func TestServe_PingAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		c := follow(t, h, Position{})
		c.expect("hello", "0")
		began := time.Now()
		for range 3 {
			c.expect("ping", "")
		}
		if took := time.Since(began); took < 50*time.Second || took > 70*time.Second {
			t.Errorf("three pings took %s, want about a minute", took)
		}
	})
}

// The server's limit for answers is not for streams, silent ones included.
func TestServe_OutlivesTheWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		here, there := net.Pipe()
		served := make(chan struct{})
		s := &http.Server{WriteTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(served)
			h.Serve(w, r, Request{BlogID: blogA, Address: "192.0.2.1"})
		})}
		l := oneConn{make(chan net.Conn, 1), make(chan struct{})}
		l.conns <- there
		go func() { _ = s.Serve(l) }()
		if _, err := io.WriteString(here, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(heartbeat / 2)
			log.publish(1)
			h.Wake(blogA, 1)
		}()
		lines := bufio.NewScanner(here)
		for lines.Scan() && lines.Text() != "id: 1" {
		}
		if lines.Text() != "id: 1" {
			t.Errorf("the stream ended: %v", lines.Err())
		}
		_, _ = here.Close(), s.Close()
		<-served
	})
}

// oneConn gives a server one connection in memory, which has the clock of the test.
type oneConn struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l oneConn) Close() error   { close(l.closed); return nil }
func (l oneConn) Addr() net.Addr { return &net.UnixAddr{} }

func TestServe_ViewsKeepOnlyTheNewest(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	c := follow(t, h, Position{})
	c.expect("hello", "0")
	a, b := uuid.New(), uuid.New()
	h.Views(blogA, liveblog.Counts{Posts: map[uuid.UUID]int64{a: 1}, Readers: 1})
	if m := <-c.messages; m.name != "views" || m.id != "" || !strings.Contains(m.data, `"`+a.String()+`":1`) {
		t.Fatalf("got %+v", m)
	}
	topic := h.known(blogA)
	slow := &Subscriber{topic: topic, views: 0}
	h.Views(blogA, liveblog.Counts{Posts: map[uuid.UUID]int64{b: 2}, Readers: 1})
	h.Views(blogA, liveblog.Counts{Posts: map[uuid.UUID]int64{b: 2}, Readers: 1})
	d := slow.next(nil)
	if len(d.buffers) != 1 {
		t.Fatalf("a slow reader got %d frames of views, want 1", len(d.buffers))
	}
	for _, want := range []string{a.String() + `":1`, b.String() + `":2`} {
		if !strings.Contains(string(d.buffers[0]), want) {
			t.Errorf("%s lacks %s", d.buffers[0], want)
		}
	}
	if got := slow.next(nil); len(got.buffers) != 0 {
		t.Errorf("unchanged counts were told again: %s", got.buffers)
	}
}

func TestServe_TurnsAwayWithWordsThatEventSourceKeeps(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, Limits{Streams: 2, PerAddress: 1})
	follow(t, h, Position{}).expect("hello", "0")
	c := follow(t, h, Position{})
	c.expect("closed", "")
	if retry := <-c.retry; len(retry) < 4 {
		t.Errorf("retry %s is short", retry)
	}
}

func TestServe_DatabaseAway(t *testing.T) {
	log := newMemoryLog()
	log.breakDown(errAway)
	h := startHub(t, log, roomy)
	cold := follow(t, h, Position{})
	cold.expect("closed", "")
	<-cold.retry
	log.breakDown(nil)
	c := follow(t, h, Position{})
	c.expect("hello", "0")
	log.breakDown(errAway)
	h.Wake(blogA, 1)
	log.breakDown(nil)
	log.publish(1)
	h.Heads([]liveblog.Head{log.now()})
	c.expect("post", "1")
}

func TestDrain_SaysByeToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		var clients []*client
		for range 50 {
			c := follow(t, h, Position{})
			c.expect("hello", "0")
			clients = append(clients, c)
		}
		began := time.Now()
		h.Drain(t.Context())
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("draining took %s", took)
		}
		for _, c := range clients {
			c.expect("bye", "")
			c.expect("closed", "")
		}
		if m := follow(t, h, Position{}).next(); m.name != "closed" {
			t.Errorf("a draining node took a reader: %+v", m)
		}
	})
}

// A storm of readers whose events are in the ring costs the database nothing.
func TestServe_StormAsksNoDatabase(t *testing.T) {
	log := newMemoryLog()
	log.publish(200)
	h := startHub(t, log, roomy)
	first := follow(t, h, Position{})
	first.expect("hello", "200")
	log.publish(100)
	h.Wake(blogA, 300)
	first.expectRange(201, 300)
	log.breakDown(errAway)
	var clients []*client
	for range 300 {
		clients = append(clients, follow(t, h, Position{After: 250, HasAfter: true}))
	}
	for _, c := range clients {
		c.expect("hello", "250")
		c.expectRange(251, 300)
	}
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		log.publish(150)
		h := startHub(t, log, roomy)
		poll := func(p Position, wait time.Duration) *Batch {
			t.Helper()
			b, err := h.Poll(t.Context(), Request{BlogID: blogA, Position: p}, wait, 100)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		b := poll(Position{HasAfter: true}, time.Minute)
		if len(b.Events) != 100 || b.Next != 100 || b.Events[0].Seq != 1 || b.Head != 150 {
			t.Errorf("first page: %d events, next %d, head %d", len(b.Events), b.Next, b.Head)
		}
		began := time.Now()
		if b = poll(Position{After: 150, HasAfter: true}, 20*time.Second); len(b.Events) != 0 || b.Next != 150 || time.Since(began) != 20*time.Second {
			t.Errorf("nothing new: %+v after %s", b, time.Since(began))
		}
		go func() {
			time.Sleep(time.Second)
			log.publish(1)
			h.Wake(blogA, 151)
		}()
		if b = poll(Position{After: 150, HasAfter: true}, 20*time.Second); len(b.Events) != 1 || b.Next != 151 {
			t.Errorf("an event while waiting: %+v", b)
		}
		if b = poll(Position{After: 999, HasAfter: true}, 0); b.Reset == nil || b.Reset.Reason != reasonAhead || b.Next != 151 {
			t.Errorf("ahead: %+v", b)
		}
		if b = poll(Position{After: 1, HasAfter: true, Epoch: "two"}, 0); b.Reset == nil || b.Reset.Reason != reasonEpoch {
			t.Errorf("another epoch: %+v", b)
		}
	})
}

// Who comes to a node that is leaving does not look like one too many.
func TestServe_LeavingIsNoLimit(t *testing.T) {
	h := startHub(t, newMemoryLog(), roomy)
	h.Drain(t.Context())
	c := follow(t, h, Position{})
	c.expect("closed", "")
	<-c.done
	if closed := h.metrics.(*noMetrics).closed; len(closed) != 1 || closed[0] != nameBye {
		t.Errorf("closed for %v", closed)
	}
}

// Those who wait in a long poll hold as much as those who hold a stream.
func TestPoll_CountsAsAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, newMemoryLog(), Limits{Streams: 2, PerAddress: 1})
		poll := func(address string, wait time.Duration) error {
			_, err := h.Poll(t.Context(), Request{BlogID: blogA, Address: address}, wait, 100)
			return err
		}
		go func() { _ = poll("192.0.2.1", 20*time.Second) }()
		synctest.Wait()
		if err := poll("192.0.2.1", 0); !errors.Is(err, liveblog.ErrTooMany) {
			t.Errorf("a second one from the same address: %v", err)
		}
		if err := poll("192.0.2.2", 0); err != nil {
			t.Errorf("one from another address: %v", err)
		}
		time.Sleep(21 * time.Second)
		if err := poll("192.0.2.1", 0); err != nil || h.Streams() != 0 {
			t.Errorf("after the first is over: %v, %d open", err, h.Streams())
		}
	})
}

// Readers that come and go while events are published see every event once.
func TestServe_ConcurrentReadersSeeEverything(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, roomy)
	follow(t, h, Position{}).expect("hello", "0")
	const events = 2000
	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() {
			last := int64(0)
			for last < events {
				c := follow(t, h, Position{After: last, HasAfter: true})
				c.expect("hello", fmt.Sprint(last))
				for range 137 {
					if last == events {
						break
					}
					c.expectRange(last+1, last+1)
					last++
				}
				c.cancel()
			}
		})
	}
	for range events {
		log.publish(1)
		h.Wake(blogA, log.now().LastSeq)
	}
	readers.Wait()
}

func TestHub_EvictsIdleTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, newMemoryLog(), roomy)
		c := follow(t, h, Position{})
		c.expect("hello", "0")
		time.Sleep(2 * idleLife)
		if len(h.Watched()) != 1 {
			t.Error("a topic with a reader was evicted")
		}
		c.cancel()
		time.Sleep(2 * idleLife)
		if len(h.Watched()) != 0 {
			t.Error("an idle topic stays")
		}
	})
}

// slowLog answers the question for the heads with what was true when it was asked.
type slowLog struct {
	*memoryLog
	answer chan struct{}
}

func (l *slowLog) Heads(ctx context.Context, ids []uuid.UUID) ([]liveblog.Head, error) {
	heads, err := l.memoryLog.Heads(ctx, ids)
	<-l.answer
	return heads, err
}

// A reader who has just seen an event on another node may share the answer to a
// question that was asked before the event: that is no reason to refuse.
func TestSubscribe_SharedAnswerMayBeOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &slowLog{newMemoryLog(), make(chan struct{})}
		h := startHub(t, log, roomy)
		topic := h.begin(log.now())
		go func() { _ = topic.ask(t.Context()) }() // only its question matters
		synctest.Wait()
		log.publish(1)
		refused := make(chan *reset, 1)
		go func() {
			_, r, _ := h.subscribe(t.Context(), topic, Position{After: 1, HasAfter: true})
			refused <- r
		}()
		synctest.Wait()
		close(log.answer)
		if r := <-refused; r != nil {
			t.Errorf("the reader is told to start again: %+v", r)
		}
	})
}

// A reader who finds a topic at the moment when it is let go must not wait
// there for news that go to its successor.
func TestHub_EvictedTopicTakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		found, err := h.topicOf(t.Context(), blogA)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * idleLife)
		if found.join(1) {
			t.Error("a topic that was let go takes a reader")
		}
		next, err := h.enter(t.Context(), blogA, 1)
		if err != nil || next == found {
			t.Errorf("the reader is sent back to it: %v", err)
		}
	})
}

func TestLimiter_CountsIPv6ByPrefix(t *testing.T) {
	l := newLimiter(Limits{Streams: 10, PerAddress: 1})
	release, ok := l.acquire("2001:db8::1")
	if !ok {
		t.Fatal("the first was refused")
	}
	if _, ok := l.acquire("2001:db8::2"); ok {
		t.Error("another address of the same /64 was let in")
	}
	if _, ok := l.acquire("2001:db8:0:1::1"); !ok {
		t.Error("another /64 was refused")
	}
	release()
	if _, ok := l.acquire("2001:db8::2"); !ok {
		t.Error("a released place was not given again")
	}
}

func FuzzAppendEvent(f *testing.F) {
	f.Add("text\n\r\x00", int64(1))
	f.Fuzz(func(t *testing.T, text string, seq int64) {
		post := &liveblog.Post{Text: text, Status: liveblog.PostPublished}
		frame, err := newFrame(liveblog.Event{Seq: seq, Type: liveblog.EventPost, Post: post}, encodeText)
		if err != nil {
			t.Fatal(err)
		}
		body := strings.TrimSuffix(string(frame.SSE), "\n\n")
		if strings.Count(body, "\n") != 2 || strings.ContainsAny(body, "\r\x00") {
			t.Errorf("%q is not one event", frame.SSE)
		}
	})
}

// What is due to a reader is found without allocating.
func TestNext_AllocatesNothing(t *testing.T) {
	log := newMemoryLog()
	log.publish(1)
	h := startHub(t, log, roomy)
	topic, err := h.topicOf(t.Context(), blogA)
	if err != nil {
		t.Fatal(err)
	}
	if err := topic.append(1, []liveblog.Event{{BlogID: blogA, Seq: 2, Type: liveblog.EventBlog, Blog: &liveblog.Blog{}}}); err != nil {
		t.Fatal(err)
	}
	buffers := make([][]byte, 0, 4)
	allocs := testing.AllocsPerRun(100, func() {
		s := Subscriber{topic: topic, cursor: 1}
		if d := s.next(buffers); d.events != 1 {
			t.Fatalf("%d events are due", d.events)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for one event to one reader", allocs)
	}
}

// BenchmarkFanOut is what one event costs with a thousand subscribers: the
// encoding once, and a walk of each cursor. It must not allocate per reader.
func BenchmarkFanOut(b *testing.B) {
	log := newMemoryLog()
	h := New(log, encodeText, &noMetrics{}, roomy)
	t, err := h.topicOf(context.Background(), blogA)
	if err != nil {
		b.Fatal(err)
	}
	const readers = 1000
	subscribers := make([]*Subscriber, readers)
	buffers := make([][][]byte, readers)
	for i := range subscribers {
		subscribers[i] = &Subscriber{topic: t}
		buffers[i] = make([][]byte, 0, 4)
	}
	post := &liveblog.Post{Text: strings.Repeat("x", 300), Status: liveblog.PostPublished}
	b.ReportAllocs()
	for i := range b.N {
		id := uuid.New()
		ev := liveblog.Event{BlogID: blogA, Seq: int64(i) + 1, Type: liveblog.EventPost, PostID: &id, Version: 1, Post: post}
		if err := t.append(int64(i), []liveblog.Event{ev}); err != nil {
			b.Fatal(err)
		}
		for j, s := range subscribers {
			if d := s.next(buffers[j][:0]); d.events != 1 {
				b.Fatalf("reader %d got %d events", j, d.events)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/readers, "ns/reader")
}
