package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/listen"
	"dateline/internal/liveblog"
	"dateline/internal/proof/eventsource"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

// fastPath makes the hubs of tests serve readers by loops, over real sockets.
var fastPath bool

// TestMain runs all tests twice: what holds for one path holds for the other.
func TestMain(m *testing.M) {
	code := m.Run()
	if fastPath = runtime.GOOS == "linux"; fastPath && code == 0 {
		code = m.Run()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// inBubble reports whether a test runs under testing/synctest, whose clock
// begins in 2000 and which can't wait for the kernel.
func inBubble() bool { return time.Now().Year() == 2000 }

var blogA = uuid.MustParse("00000000-0000-7000-8000-00000000000a")

// pollOfA is where blogA's events are to be had as long polls.
const pollOfA = "/api/v1/blogs/a/events"

// memoryLog is an event log in memory, with the faults of a database.
type memoryLog struct {
	mu     sync.Mutex
	head   liveblog.Head
	events []liveblog.Event

	fail   error
	answer chan struct{} // if not nil, Heads waits for it with what it has read
}

func newMemoryLog() *memoryLog {
	return &memoryLog{head: liveblog.Head{BlogID: blogA, Epoch: "one", Status: liveblog.BlogLive, Chain: liveblog.Genesis}}
}

// add chains an event and appends it.
func (l *memoryLog) add(ev liveblog.Event) {
	ev.Chain = l.head.Chain.Next(ev)
	l.head.Chain = ev.Chain
	l.events = append(l.events, ev)
}

func (l *memoryLog) publish(n int) {
	for range n {
		l.append(liveblog.EventPost, uuid.New(), 1, "text")
	}
}

func (l *memoryLog) append(t liveblog.EventType, post uuid.UUID, version int64, text string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head.LastSeq++
	current := &liveblog.Post{ID: post, Version: version, Text: text, Status: liveblog.PostPublished}
	if t == liveblog.EventDelete {
		current.Status = liveblog.PostRemoved
	}
	for i := range l.events {
		if l.events[i].PostID != nil && *l.events[i].PostID == post {
			l.events[i].Post = current
		}
		if l.events[i].Pinned != nil && l.events[i].Pinned.ID == post {
			l.events[i].Pinned = current
		}
	}
	l.add(liveblog.Event{BlogID: blogA, Seq: l.head.LastSeq, Type: t, PostID: &post, Version: version, Post: current, At: time.Now()})
	return l.head.LastSeq
}

// pin changes what all events of the blog itself tell; nil unpins.
func (l *memoryLog) pin(post *liveblog.Post) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head.LastSeq++
	blog := &liveblog.Blog{ID: blogA, Status: l.head.Status}
	l.add(liveblog.Event{BlogID: blogA, Seq: l.head.LastSeq, Type: liveblog.EventBlog, At: time.Now()})
	for i := range l.events {
		if l.events[i].Type == liveblog.EventBlog {
			l.events[i].Blog, l.events[i].Pinned = blog, post
		}
	}
	return l.head.LastSeq
}

func (l *memoryLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head.LastSeq++
	l.head.Status = liveblog.BlogEnded
	blog := &liveblog.Blog{ID: blogA, Status: liveblog.BlogEnded}
	l.add(liveblog.Event{BlogID: blogA, Seq: l.head.LastSeq, Type: liveblog.EventBlog, Blog: blog, At: time.Now()})
}

// prune deletes the events up to low, as another node does.
func (l *memoryLog) prune(low int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = slices.DeleteFunc(l.events, func(ev liveblog.Event) bool { return ev.Seq <= low })
	l.head.LowSeq = low
}

// lose is what no database does.
func (l *memoryLog) lose(seq int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = slices.DeleteFunc(l.events, func(ev liveblog.Event) bool { return ev.Seq == seq })
}

// rewind is what a restored backup does.
func (l *memoryLog) rewind(to int64, epoch string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = l.events[:to]
	l.head.LastSeq, l.head.Epoch, l.head.Chain = to, epoch, liveblog.Genesis
	if to > 0 {
		l.head.Chain = l.events[to-1].Chain
	}
}

func (l *memoryLog) breakDown(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

func (l *memoryLog) now() liveblog.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

func (l *memoryLog) Heads(context.Context, []uuid.UUID) ([]liveblog.Head, error) {
	l.mu.Lock()
	heads, fail, answer := []liveblog.Head{l.head}, l.fail, l.answer
	l.mu.Unlock()
	if answer != nil {
		<-answer
	}
	return heads, fail
}

func (l *memoryLog) EventsAfter(_ context.Context, _ uuid.UUID, after int64, limit int) ([]liveblog.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return nil, l.fail
	}
	var out []liveblog.Event
	for _, ev := range l.events {
		if ev.Seq > after && len(out) < limit {
			out = append(out, ev)
		}
	}
	return out, nil
}

func (l *memoryLog) RenewEpochs(_ context.Context, told liveblog.Head) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	goesOn := told.LastSeq == 0 || told.LastSeq <= l.head.LowSeq
	for _, ev := range l.events {
		goesOn = goesOn || ev.Seq == told.LastSeq && ev.Chain == told.Chain
	}
	if told.Epoch == l.head.Epoch && !goesOn {
		l.head.Epoch += "+"
	}
	return nil
}

var errAway = fmt.Errorf("%w: connection refused", liveblog.ErrUnavailable)

func encodeText(ev liveblog.Event) (string, []byte, error) {
	if ev.Type == liveblog.EventBlog {
		pinned := ""
		if ev.Pinned != nil && ev.Pinned.Status == liveblog.PostPublished {
			pinned = ev.Pinned.Text
		}
		return string(ev.Type), fmt.Appendf(nil, `{"pinned":%q}`, pinned), nil
	}
	if ev.Post.Status == liveblog.PostRemoved {
		return "delete", fmt.Appendf(nil, `{"version":%d}`, ev.Post.Version), nil
	}
	data, err := json.Marshal(map[string]any{"version": ev.Post.Version, "text": ev.Post.Text})
	return string(ev.Type), data, err
}

// frameOf is the frame of an event that stands alone.
func frameOf(ev liveblog.Event) (*Frame, error) {
	c, err := newContent(ev, encodeText)
	if err != nil {
		return nil, err
	}
	return newFrame(ev, c, true), nil
}

// noMetrics counts only what tests ask for.
type noMetrics struct {
	mu     sync.Mutex
	closed []string
}

func (*noMetrics) Fetched(int)                {}
func (*noMetrics) Delivered(int)              {}
func (*noMetrics) Latency(time.Duration, int) {}
func (*noMetrics) Reset(string)               {}
func (m *noMetrics) Closed(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = append(m.closed, reason)
}

// startHub runs a hub until the test ends.
func startHub(t testing.TB, log Log, limits Limits) *Hub {
	return startEncodingHub(t, log, limits, encodeText)
}

func startEncodingHub(t testing.TB, log Log, limits Limits, encode Encode) *Hub {
	h := New(log, encode, &noMetrics{}, limits)
	h.Compress = true // for those who accept it: the clients over sockets
	if fastPath && !inBubble() {
		if err := h.UseFastPath(2); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	started := make(chan struct{})
	go func() {
		defer close(done)
		go func() {
			for !h.spawn(func(context.Context) {}) {
			}
			close(started)
		}()
		h.Run(ctx)
	}()
	<-started
	t.Cleanup(func() { cancel(); <-done })
	return h
}

var roomy = Limits{Streams: 10_000, PerAddress: 10_000}

// pipeWriter is a response whose reader takes bytes when it likes.
type pipeWriter struct {
	*io.PipeWriter
	header http.Header
	status int
}

func (w *pipeWriter) Header() http.Header              { return w.header }
func (w *pipeWriter) WriteHeader(status int)           { w.status = status }
func (w *pipeWriter) Flush()                           {}
func (w *pipeWriter) SetWriteDeadline(time.Time) error { return nil }

// message is a server-sent event as a client gets it.
type message struct{ name, id, data string }

// client is a reader of a stream.
type client struct {
	t        testing.TB
	messages chan message
	retry    time.Duration // last told; to be read after the stream's end
	cancel   context.CancelFunc
	done     chan struct{}
}

// follow opens a stream at a position.
func follow(t testing.TB, h *Hub, p Position) *client {
	if len(h.loops) > 0 {
		return followSocket(t, h, p)
	}
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	c := &client{t: t, messages: make(chan message, 10_000), cancel: cancel, done: make(chan struct{})}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		h.Serve(&pipeWriter{PipeWriter: writer, header: http.Header{}}, r, Request{BlogID: blogA, Position: p, Address: "192.0.2.1", Poll: pollOfA})
		_ = writer.Close()
	}()
	go c.read(reader)
	t.Cleanup(func() { cancel(); _ = reader.Close(); <-c.done })
	return c
}

// followSocket is follow over a real connection.
func followSocket(t testing.TB, h *Hub, p Position) *client {
	return followThrough(t, h, p, openPort(t))
}

// openPort listens on a free port with the options of a node.
func openPort(t testing.TB) net.Listener {
	t.Helper()
	config := net.ListenConfig{Control: listen.SetNotSentLowat}
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// followThrough is follow over a connection of a listener.
func followThrough(t testing.TB, h *Hub, p Position, l net.Listener) *client {
	s := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.Serve(w, r, Request{BlogID: blogA, Position: p, Address: "192.0.2.1", Poll: pollOfA})
		}),
		ConnContext: listen.ConnContext,
	}
	c := &client{t: t, messages: make(chan message, 10_000), done: make(chan struct{})}
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = s.Serve(connListener{l}) }()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); s.Close(); <-stopped })
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	c.cancel = func() { cancel(); res.Body.Close() }
	go func() { defer close(c.done); c.read(res.Body) }()
	return c
}

func (c *client) read(r io.Reader) {
	defer close(c.messages)
	p := eventsource.NewParser(r)
	for {
		e, err := p.Next()
		c.retry = time.Duration(p.Retry()) * time.Millisecond
		if err != nil {
			return
		}
		m := message{name: e.Name, data: string(e.Data)}
		if e.HasID {
			m.id = e.ID
		}
		c.messages <- m
	}
}

// next gives the next event of the log or of the protocol, but not views.
func (c *client) next() message {
	c.t.Helper()
	for m := range c.messages {
		if m.name != "views" {
			return m
		}
	}
	return message{name: "closed"}
}

func (c *client) expect(name, id string) message {
	c.t.Helper()
	m := c.next()
	if m.name != name || m.id != id {
		c.t.Fatalf("got %s %s %s, want %s %s", m.name, m.id, m.data, name, id)
	}
	return m
}

// expectReset expects to start again after head, under a number or a receipt.
func (c *client) expectReset(head int64) message {
	c.t.Helper()
	m := c.next()
	if m.name != "reset" || seqOf(m) != fmt.Sprint(head) {
		c.t.Fatalf("got %s %s %s, want a reset at %d", m.name, m.id, m.data, head)
	}
	return m
}

func seqOf(m message) string {
	seq, _, _ := strings.Cut(m.id, ".")
	return seq
}

func (c *client) expectRange(from, to int64) {
	c.t.Helper()
	for seq := from; seq <= to; seq++ {
		if m := c.next(); seqOf(m) != fmt.Sprint(seq) {
			c.t.Fatalf("got %+v, want id %d", m, seq)
		}
	}
}

// takeAll takes all that is due to a subscriber.
func takeAll(s *Subscriber) *writeBatch {
	b := &writeBatch{}
	s.peek(b)
	s.advance(b, len(b.buffers))
	return b
}
