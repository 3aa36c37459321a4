package e2e

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"dateline/internal/demo"
	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/pgtest"
)

// wired is all that one reader of the demo was sent.
type wired struct {
	bytes  int64 // of the connection, the head included
	events int   // of the log
	err    error
}

func (w wired) perEvent() float64 { return float64(w.bytes) / float64(w.events) }

// BenchmarkWireBytes plays the demo to a reader without compression and to one
// with gzip, and tells what an event costs on the wire.
func BenchmarkWireBytes(b *testing.B) {
	for _, engine := range []string{"auto", "portable"} {
		b.Run(engine, func(b *testing.B) {
			for b.Loop() {
				plain, packed := wireOfDemo(b, engine)
				b.ReportMetric(plain.perEvent(), "plain-B/event")
				b.ReportMetric(packed.perEvent(), "gzip-B/event")
				b.ReportMetric(packed.perEvent()/plain.perEvent(), "gzip/plain")
			}
		})
	}
}

// TestWire_GzipIsHalfOfTheDemo holds compression to what is promised of it.
func TestWire_GzipIsHalfOfTheDemo(t *testing.T) {
	t.Parallel()
	plain, packed := wireOfDemo(t, "auto")
	if ratio := packed.perEvent() / plain.perEvent(); ratio > 0.5 {
		t.Errorf("an event takes %.0f bytes and with gzip %.0f, which is %.2f of it", plain.perEvent(), packed.perEvent(), ratio)
	}
}

// wireOfDemo runs a node, plays the demo, and has two readers follow it live.
func wireOfDemo(tb testing.TB, engine string) (plain, packed wired) {
	tb.Helper()
	dsn := pgtest.DSN(tb)
	node := startProcess(tb, dsn, "--engine="+engine)
	readers := map[string]chan wired{"identity": make(chan wired, 1), "gzip": make(chan wired, 1)}
	player := demo.Player{Client: demo.NewClient(node.url, newRobot(tb, dsn).token), Slug: "cup", OnStep: func(s demo.Step) {
		if s.Action != demo.Open {
			return
		}
		for coding, into := range readers {
			conn := ask(tb, node.url, coding)
			go func() { into <- readToEnd(conn) }() // ends with the blog, or with its node
		}
	}}
	if err := player.Play(tb.Context(), demo.Script()); err != nil {
		tb.Fatal(err)
	}
	plain, packed = <-readers["identity"], <-readers["gzip"]
	if err := errors.Join(plain.err, packed.err); err != nil || plain.events != packed.events {
		tb.Fatalf("%d events without compression, %d with: %v", plain.events, packed.events, err)
	}
	return plain, packed
}

// ask sends a reader's request for the whole log of the demo.
func ask(tb testing.TB, url, coding string) net.Conn {
	host := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /api/v1/blogs/cup/stream?after=0 HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: %s\r\n\r\n", host, coding)
	if err != nil {
		tb.Fatal(err)
	}
	return conn
}

// readToEnd reads a stream until the server ends it.
func readToEnd(conn net.Conn) (w wired) {
	wire := &counting{Reader: conn}
	res, err := http.ReadResponse(bufio.NewReader(wire), nil)
	if err != nil {
		return wired{err: err}
	}
	defer res.Body.Close()
	body := io.Reader(res.Body)
	if res.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return wired{err: err}
		}
	}
	for parser := eventsource.NewParser(body); ; {
		e, err := parser.Next()
		if e.HasID && e.Name != "hello" {
			w.events++
		}
		if e.Name == "end" {
			w.bytes = wire.n
			return w
		}
		if err != nil {
			return wired{err: fmt.Errorf("after %d events: %w", w.events, err)}
		}
	}
}

// counting counts what is read.
type counting struct {
	io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
