package stream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/eventsource"

	"github.com/google/uuid"
)

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

// The server's write timeout is not for streams, silent ones included.
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

func (l oneConn) Close() error { close(l.closed); return nil }

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
	topic := h.findTopic(blogA)
	slow := &Subscriber{topic: topic, views: 0}
	h.Views(blogA, liveblog.Counts{Posts: map[uuid.UUID]int64{b: 2}, Readers: 1})
	h.Views(blogA, liveblog.Counts{Posts: map[uuid.UUID]int64{b: 2}, Readers: 1})
	d := takeAll(slow)
	if len(d.buffers) != 1 {
		t.Fatalf("a slow reader got %d frames of views, want 1", len(d.buffers))
	}
	for _, want := range []string{a.String() + `":1`, b.String() + `":2`} {
		if !strings.Contains(string(d.buffers[0]), want) {
			t.Errorf("%s lacks %s", d.buffers[0], want)
		}
	}
	if got := takeAll(slow); len(got.buffers) != 0 {
		t.Errorf("unchanged counts were told again: %s", got.buffers)
	}
}

func TestServe_RejectsInAFormForEventSource(t *testing.T) {
	log := newMemoryLog()
	h := startHub(t, log, Limits{Streams: 2, PerAddress: 1})
	if m := follow(t, h, Position{}).expect("hello", "0"); !strings.Contains(m.data, `"poll":"`+pollOfA+`"`) {
		t.Errorf("hello does not say where to poll: %s", m.data)
	}
	c := follow(t, h, Position{})
	c.expectRejection(reasonAddressLimit)
	if c.retry < busyRetry {
		t.Errorf("retry %s is short", c.retry)
	}
}

// expectRejection expects the reader to be sent to polls, for a reason.
func (c *client) expectRejection(reason string) {
	c.t.Helper()
	if m, want := c.expect("bye", ""), fmt.Sprintf(`{"reason":%q,"poll":%q}`, reason, pollOfA); m.data != want {
		c.t.Errorf("refused with %s, want %s", m.data, want)
	}
	c.expect("closed", "")
}

// Whatever the limit, a rejected client gets its name and the URL to poll.
func TestServe_RejectionsNameThePoll(t *testing.T) {
	for reason, limits := range map[string]Limits{
		reasonNodeLimit: {Streams: 1}, reasonBlogLimit: {PerBlog: 1}, reasonAddressLimit: {PerAddress: 1},
	} {
		h := startHub(t, newMemoryLog(), limits)
		follow(t, h, Position{}).expect("hello", "0")
		follow(t, h, Position{}).expectRejection(reason)
	}
	h := startHub(t, newMemoryLog(), Limits{PerSecond: 1})
	h.admission.bucket.ReserveN(time.Now(), 1)
	for range 10 {
		h.admission.bucket.Reserve()
	}
	follow(t, h, Position{}).expectRejection(reasonStorm)
	h = startHub(t, newMemoryLog(), roomy)
	h.Drain(t.Context())
	follow(t, h, Position{}).expectRejection(reasonDraining)
}

func TestServe_DatabaseAway(t *testing.T) {
	log := newMemoryLog()
	log.breakDown(errAway)
	h := startHub(t, log, roomy)
	cold := follow(t, h, Position{})
	cold.expectRejection(reasonDatabase)
	if cold.retry < outageRetry || cold.retry > 2*outageRetry {
		t.Errorf("while the database is away, readers are to come back after %s", cold.retry)
	}
	log.breakDown(nil)
	c := follow(t, h, Position{})
	c.expect("hello", "0")
	log.breakDown(errAway)
	h.Wake(blogA, 1)
	log.breakDown(nil)
	log.publish(1)
	defer look(h, log)()
	c.expect("post", "1")
}

// look tells the hub of the heads again and again, as the poll does, until it is stopped.
func look(h *Hub, log *memoryLog) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			h.Heads([]liveblog.Head{log.now()})
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(ended); <-done }
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

// A client that a draining node rejects does not count as one over a limit.
func TestServe_DrainingIsNoLimit(t *testing.T) {
	h := startHub(t, newMemoryLog(), roomy)
	h.Drain(t.Context())
	c := follow(t, h, Position{})
	c.expectRejection(reasonDraining)
	<-c.done
	if closed := h.metrics.(*noMetrics).closed; len(closed) != 1 || closed[0] != reasonDraining {
		t.Errorf("closed for %v", closed)
	}
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
				hello := c.next()
				if hello.name == nameBye { // the machine is too busy to read the log within newsWait
					c.cancel()
					continue
				}
				if hello.name != nameHello || hello.id != fmt.Sprint(last) {
					t.Errorf("got %s %s %s, want hello %d", hello.name, hello.id, hello.data, last)
				}
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

// Editors of a blog are no readers, and keep its topic all the same.
func TestServe_DesksAreNoReaders(t *testing.T) {
	h := startHub(t, newMemoryLog(), roomy)
	served := make(chan struct{})
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(served)
		h.Serve(&pipeWriter{PipeWriter: w, header: http.Header{}}, request, Request{BlogID: blogA, Desk: true})
	}()
	if e, err := eventsource.NewParser(r).Next(); err != nil || e.Name != nameHello || strings.Contains(string(e.Data), "token") {
		t.Fatalf("%s %s: %v", e.Name, e.Data, err)
	}
	if readers := h.Readers()[blogA]; readers != 0 || h.Streams() != 1 {
		t.Errorf("%d readers, %d streams", readers, h.Streams())
	}
	found := h.findTopic(blogA)
	if found.tryEvict(0) {
		t.Error("the topic of a desk was evicted")
	}
	cancel()
	_ = r.Close()
	<-served
	if !found.tryEvict(-1) || h.Streams() != 0 {
		t.Errorf("the topic of a desk that left is kept, %d streams", h.Streams())
	}
}

// The token is the reader's own: hello brings one that was made for it.
func TestServe_HelloBringsAToken(t *testing.T) {
	h := startHub(t, newMemoryLog(), roomy)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	log := h.log.(*memoryLog)
	log.publish(1)
	log.end()
	w := httptest.NewRecorder()
	h.Serve(w, r, Request{BlogID: blogA, Position: Position{HasAfter: true}, Token: func() string { return "made-for-you" }})
	if !strings.Contains(w.Body.String(), `"token":"made-for-you"`) {
		t.Errorf("no token in %s", w.Body)
	}
}
