package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dateline/internal/proof/pgtest"
)

// siege is a node among readers who cost more than they should: silent ones,
// who ask for everything and read nothing, and slow ones, who read a hundred
// bytes a second. Both take as little in advance as their kernel lets them.
type siege struct {
	t                    testing.TB
	healthy, silent, sip int
	posts                int // for each measure of the healthy readers' latency

	node    *process
	robot   *robot
	readers *readerGroup
	dsn     string
	hurry   chan struct{} // closed when slow readers may read at full speed
	slow    []*sseReader
	sieged  sync.WaitGroup
}

// TestE2E_Siege wants slow and silent readers to cost little, the silent ones to
// be closed in time, and everybody else to get everything.
func TestE2E_Siege(t *testing.T) {
	t.Parallel()
	s := &siege{t: t, healthy: 20, silent: 100, sip: 20, posts: 10}
	s.run()
}

// BenchmarkSiege is the same at full size; it reports the latencies before and
// during the siege, and what the silent readers cost.
func BenchmarkSiege(b *testing.B) {
	for range b.N {
		s := &siege{t: b, healthy: 200, silent: 1000, sip: 200, posts: 50}
		s.run()
	}
}

func (s *siege) run() {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	s.dsn, s.hurry = pgtest.DSN(s.t), make(chan struct{})
	s.node, s.robot = startProcess(s.t, s.dsn), newRobot(s.t, s.dsn)
	s.robot.newBlog(s.t, s.node.url, "many")
	s.readers = &readerGroup{t: s.t, url: s.node.url, arrived: make(chan time.Time, s.healthy)}
	wait := s.readers.open(ctx, s.healthy)
	before, _ := s.readers.measure(s.robot, s.posts)
	calm := s.node.usage(s.t)
	s.besiege(ctx)
	began := time.Now()
	s.flood()
	during, _ := s.readers.measure(s.robot, s.posts)
	held := s.node.usage(s.t)
	s.awaitSilenceEnds(began, calm)
	s.relieve()
	cancel()
	wait()
	s.node.noPanic()
	s.t.Logf("publish to reader, before: %s", before)
	s.t.Logf("publish to reader, during: %s", during)
	s.t.Logf("%d silent and %d slow readers cost %d kB of memory and %d kB of the kernel's", s.silent, s.sip, held.rss-calm.rss, held.sockets-calm.sockets)
	if limit := 200 * (s.silent + s.sip); held.rss-calm.rss > limit+64<<10 {
		s.t.Errorf("they cost %d kB, more than 200 kB each", held.rss-calm.rss)
	}
}

// besiege opens the streams of the silent and of the slow.
func (s *siege) besiege(ctx context.Context) {
	s.t.Helper()
	for i := range s.silent {
		c, err := narrow(i).DialContext(ctx, "tcp", strings.TrimPrefix(s.node.url, "http://"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "GET /api/v1/blogs/many/stream?after=0 HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	for i := range s.sip {
		r := &sseReader{client: s.sipping(i), slug: "many", query: url.Values{"after": {"0"}}}
		s.slow = append(s.slow, r)
		s.sieged.Go(func() { s.follow(ctx, r) })
	}
}

// narrow dials with the least receive buffer, from one of many addresses.
func narrow(i int) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i/100))}, Control: func(_, _ string, c syscall.RawConn) (err error) {
		_ = c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2<<10) })
		return err
	}}
}

func (s *siege) sipping(i int) *http.Client {
	d := narrow(10_000 + i)
	return &http.Client{Transport: &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		return &sippingConn{Conn: c, hurry: s.hurry}, err
	}}}
}

// sippingConn reads a hundred bytes a second until it may hurry.
type sippingConn struct {
	net.Conn
	hurry chan struct{}
}

// Read implements net.Conn.
func (c *sippingConn) Read(b []byte) (int, error) {
	select {
	case <-c.hurry:
	case <-time.After(100 * time.Millisecond):
		b = b[:min(len(b), 10)]
	}
	return c.Conn.Read(b)
}

// follow reads to the last post, as often as it takes.
func (s *siege) follow(ctx context.Context, r *sseReader) {
	last := s.last()
	for r.lastID != last && ctx.Err() == nil {
		_ = r.follow(ctx, s.node.url, func(e sseEvent) bool { return e.id == last }) // being cut off is part of it
	}
}

const flooding = 60 // posts

func (s *siege) last() string { return strconv.Itoa(2*s.posts + flooding) }

// flood publishes long posts, to fill the buffers of those who don't read.
func (s *siege) flood() {
	s.t.Helper()
	for i := range flooding {
		body := map[string]any{"title": fmt.Sprint("Long ", i), "body": strings.Repeat("Many words. ", 400)}
		s.robot.must(s.t, http.MethodPost, s.node.url+"/api/v1/blogs/many/posts", body, nil)
		for range s.healthy {
			<-s.readers.arrived
		}
	}
}

// awaitSilenceEnds returns when the silent are closed: soon after the 20 s they have.
func (s *siege) awaitSilenceEnds(began time.Time, calm usage) {
	s.t.Helper()
	eventually(s.t, 2*time.Minute, "the silent readers are closed", func() bool {
		return s.node.usage(s.t).files <= calm.files+s.sip+5
	})
	took := time.Since(began)
	if took < 20*time.Second || took > 35*time.Second {
		s.t.Errorf("the silent readers were closed after %s", took)
	}
	s.t.Logf("%d silent readers were closed within %v", s.silent, took.Round(time.Millisecond))
}

// relieve lets the slow read on and wants them to have all, in order.
func (s *siege) relieve() {
	s.t.Helper()
	connects := 0
	for _, r := range s.slow {
		connects += r.connects
	}
	close(s.hurry)
	s.sieged.Wait()
	w := readTruth(s.t, s.dsn, "many")
	for i, r := range s.slow {
		if err := w.checkReader(r.log, 0); err != nil {
			s.t.Errorf("slow reader %d: %v", i, err)
		}
	}
	s.t.Logf("%d slow readers connected %d times", len(s.slow), connects)
}

// usage is what a process holds.
type usage struct {
	rss     int // kB
	sockets int // kB of the kernel's, of all processes
	files   int
}

var (
	rssLine     = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
	socketsLine = regexp.MustCompile(`TCP: .* mem (\d+)`)
)

func (p *process) usage(t testing.TB) usage {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	pages := figure(t, "/proc/net/sockstat", socketsLine)
	return usage{rss: figure(t, filepath.Join(dir, "status"), rssLine), sockets: pages * os.Getpagesize() >> 10, files: len(files)}
}

func figure(t testing.TB, file string, line *regexp.Regexp) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := line.FindSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in %s", line, file)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
