package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// rawLimit is how long a connection may stay open after all was said on it: a
// body has ten seconds, a head five.
const rawLimit = 13 * time.Second

// rawBytes are the bytes of a connection. Those of a refused one must change
// nothing and be answered 4xx, 501, 505 (both as RFC 9110 wants them), or not at all.
type rawBytes struct {
	name, bytes string
	refused     bool
}

// rawRoute is where raw requests go.
type rawRoute struct{ method, path, head, body string }

func (g *target) rawRoutes() []rawRoute {
	bearer := "Authorization: Bearer " + g.robot.token + "\r\nContent-Type: application/json\r\n"
	return []rawRoute{
		{"GET", blogPath + "/stream?after=0", "", ""},
		{"GET", blogPath + "/events?after=0&wait=1", "", ""},
		{"GET", "/b/target", "", ""},
		{"POST", blogPath + "/posts", bearer, `{"title":"refused"}`},
		{"POST", blogPath + "/views", "Content-Type: text/plain\r\n", `{"token":"0123456789abcdef"}`},
	}
}

// line is the first line of a request.
func (r rawRoute) line() string { return r.method + " " + r.path + " HTTP/1.1\r\n" }

// with is a whole request with some more lines in its head.
func (r rawRoute) with(lines string) string {
	return r.line() + "Host: x\r\n" + r.head + lines + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(r.body)) + r.body
}

// framed is a request whose body is framed in a way of its own.
func (r rawRoute) framed(lines, body string) string {
	return r.line() + "Host: x\r\n" + r.head + lines + "\r\n" + body
}

// badLines are first lines that are none.
func (r rawRoute) badLines() (list []rawBytes) {
	rest := "Host: x\r\n" + r.head + "\r\n"
	for _, line := range []string{
		"GE T " + r.path + " HTTP/1.1", "G\x00T " + r.path + " HTTP/1.1", "(GET) " + r.path + " HTTP/1.1", " " + r.path + " HTTP/1.1", "G\xc3\x89T " + r.path + " HTTP/1.1",
		strings.Repeat("A", 30_000) + " " + r.path + " HTTP/1.1", r.method + "  " + r.path + " HTTP/1.1", r.method + "\t" + r.path + "\tHTTP/1.1",
		r.method + " " + r.path + " x HTTP/1.1", r.method + " " + r.path + "\x00 HTTP/1.1", r.method + " " + r.path + "\x7f HTTP/1.1", r.method + " x" + r.path + " HTTP/1.1", r.method + " http://[::1 HTTP/1.1",
		r.method + " " + r.path + " HTTP/2.0", r.method + " " + r.path + " HTTP/0.9", r.method + " " + r.path + " HTTP/9.9", r.method + " " + r.path + " HTTP/1", r.method + " " + r.path + " http/1.1",
		r.method + " " + r.path + " HTTQ/1.1", r.method + " " + r.path, r.method, r.method + " /%zz" + r.path + " HTTP/1.1",
		r.method + " " + r.path + "?" + strings.Repeat("x", 9000) + " HTTP/1.1", r.method + " " + r.path + "?" + strings.Repeat("x", 40_000) + " HTTP/1.1",
		"BREW " + r.path + " HTTP/1.1", "CONNECT " + r.path + " HTTP/1.1", "CONNECT x:443 HTTP/1.1", "TRACE " + r.path + " HTTP/1.1",
	} {
		list = append(list, rawBytes{fmt.Sprintf("line %.60q", line), line + "\r\n" + rest, true})
	}
	return list
}

// badHeads are heads that are none, or too much of one.
func (r rawRoute) badHeads() (list []rawBytes) {
	for _, lines := range []string{
		"X : y\r\n", "X\x00: y\r\n", "X Y: z\r\n", "\xc3\x89: y\r\n", ": y\r\n", "no colon\r\n", "X: a\x00b\r\n", "X: a\rb\r\n", "X: a\x7fb\r\n", "Host: y\r\n", "Transfer-Encoding : chunked\r\n",
		"X: " + strings.Repeat("y", 32<<10) + "\r\n", strings.Repeat("X: y\r\n", 100_000), "Cookie: " + strings.Repeat("a=b; ", 8000) + "\r\n", strings.Repeat("y", 32<<10) + ": x\r\n",
		"Expect: the-unexpected\r\n", "Content-Length: -1\r\n", "Content-Length: 99999999999999999999\r\n", "Content-Length: 1, 1\r\n", "Content-Length: 0x1\r\n", "Content-Length: 7\r\n",
		"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
	} {
		list = append(list, rawBytes{fmt.Sprintf("head %.40q", lines), r.with(lines), true})
	}
	for _, host := range []string{"", "Host: a b\r\n", "Host: a/b\r\n", "Host: a\x00\r\n", "Host: a@b<\r\n"} {
		list = append(list, rawBytes{fmt.Sprintf("host %q", host), r.line() + host + r.head + "\r\n", true})
	}
	return list
}

// badBodies are bodies whose end is not certain. A request that only
// reads has no body that the server looks at, however it is framed.
func (r rawRoute) badBodies() (list []rawBytes) {
	chunked, size := "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n", len(r.body), r.body)
	for _, coding := range []string{"chunked, chunked", "identity", "gzip, chunked", "xchunked", "chunked;q=1", "\x0bchunked", "chunked\x00", "chunked\r\nTransfer-Encoding: gzip", "chunked,", ""} {
		list = append(list, rawBytes{fmt.Sprintf("coding %q", coding), r.framed("Transfer-Encoding: "+coding+"\r\n", size+"0\r\n\r\n"), true})
	}
	for _, body := range []string{
		"zz\r\nabc\r\n0\r\n\r\n", "-1\r\n\r\n0\r\n\r\n", "0x4\r\nabcd\r\n0\r\n\r\n", "ffffffffffffffff1\r\n", "4\r\nabcdX\r\n0\r\n\r\n", "4 4\r\nabcd\r\n0\r\n\r\n", "\r\n0\r\n\r\n", "4\nabcd\r\n0\r\n\r\n",
		"4;a\nb\r\nabcd\r\n0\r\n\r\n", "4;" + strings.Repeat("x", 20_000) + "\r\nabcd\r\n0\r\n\r\n", "4\r\nabcd", "4\r\nab", "4", "", size, size + "0\r\nno colon\r\n\r\n", size + "0\r\n" + strings.Repeat("X: y\r\n", 10_000),
		strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\na\r\n", 200),
	} {
		list = append(list, rawBytes{fmt.Sprintf("chunks %.40q", body), r.framed(chunked, body), r.method == "POST"})
	}
	return append(list,
		rawBytes{"body cut off", r.framed("Content-Length: 100\r\n", r.body), r.method == "POST"},
		rawBytes{"no body", r.framed("Content-Length: 0\r\n", ""), r.method == "POST"},
	)
}

// oddRequests are unusual, and in order: they are answered as what they are.
func (r rawRoute) oddRequests() []rawBytes {
	accepted := rawRoute{r.method, r.path, r.head, strings.Replace(r.body, "refused", "accepted", 1)}
	size := fmt.Sprintf("%x;ext=\"v\"\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", len(accepted.body), accepted.body)
	whole := accepted.with("")
	return []rawBytes{
		{"as it should be", whole, false}, {"HTTP/1.0", strings.Replace(whole, "HTTP/1.1", "HTTP/1.0", 1), false}, {"absolute address", strings.Replace(whole, " /", " http://x/", 1), false},
		{"folded head", accepted.with("X: a\r\n b\r\n\tc\r\n"), false}, {"LF for CRLF", strings.ReplaceAll(whole, "\r\n", "\n"), false}, {"empty host", strings.Replace(whole, "Host: x", "Host:", 1), false},
		{"Expect", accepted.with("Expect: 100-continue\r\n"), false}, {"Upgrade", accepted.with("Connection: Upgrade\r\nUpgrade: websocket\r\n"), false},
		{"h2c", accepted.with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), false}, {"chunks", accepted.framed("Transfer-Encoding: chunked\r\n", size), false},
		{"chunks and a length", accepted.framed("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", size), false}, {"the same length twice", accepted.with(fmt.Sprintf("Content-Length: %d\r\n", len(accepted.body))), false},
		{"two at once", whole + whole, false}, {"garbage behind", whole + "\x00\xff\r\n\r\n", false}, {"many at once", strings.Repeat(whole, 20), false}, {"empty lines before", "\r\n\r\n" + r.with(""), true},
		{"close", accepted.with("Connection: close\r\n"), false}, {"body nobody asked for", r.framed("Content-Length: 5\r\n", "hello"), r.method == "POST"},
	}
}

// noRequests are not even that.
var noRequests = []rawBytes{
	{"nothing", "", true}, {"an empty line", "\r\n\r\n", true}, {"empty lines", strings.Repeat("\r\n", 20_000), true}, {"zeros", strings.Repeat("\x00", 5000), true},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", true}, {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", true},
	{"a line without end", "GET /" + strings.Repeat("a", 100_000), true}, {"half a head", "GET / HTTP/1.1\r\nHost: x\r\nX: ", true}, {"HTTP/0.9", "GET /\r\n", true},
	{"a response", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true}, {"SMTP", "EHLO x\r\nMAIL FROM:<a@b>\r\n", true}, {"a proxy's greeting", "PROXY TCP4 192.0.2.1 192.0.2.2 1 80\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
	{"GET *", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", true}, {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", false},
}

func (g *target) rawRequests() []rawBytes {
	list := noRequests
	for _, r := range g.rawRoutes() {
		for _, some := range [][]rawBytes{r.badLines(), r.badHeads(), r.badBodies(), r.oddRequests()} {
			for _, q := range some {
				list = append(list, rawBytes{r.method + " " + r.path + ": " + q.name, q.bytes, q.refused})
			}
		}
	}
	return list
}

// patience is how long an answer may take before half of the connection is hung
// up, and quiet how long another one may take after it.
const (
	patience = 2 * time.Second
	quiet    = 300 * time.Millisecond
)

// exchanged is what came of one connection.
type exchanged struct {
	statuses []int
	hungUp   bool // before there was an answer: the client is taken for gone
}

// converse says all on a connection. If there is no answer it hangs up its half:
// then there must be an answer, or the end.
func converse(address, text string) (x exchanged, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return x, err
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer and close before it read all
	r := bufio.NewReader(conn)
	for {
		if err := await(conn, r, &x); err != nil {
			return x, err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return x, nil // whatever the end is, it is one
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		x.statuses = append(x.statuses, res.StatusCode)
		if strings.HasPrefix(res.Header.Get(typeField), "text/event-stream") {
			return x, nil // and hang up
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return x, onlyTimeout(err)
		}
	}
}

// await waits until there is something to read, the end included.
func await(conn net.Conn, r *bufio.Reader, x *exchanged) error {
	limit := patience
	if len(x.statuses) > 0 {
		limit = quiet
	}
	for {
		if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
		_, err := r.Peek(1)
		switch {
		case onlyTimeout(err) == nil:
			return conn.SetReadDeadline(time.Now().Add(rawLimit))
		case len(x.statuses) > 0:
			return conn.SetReadDeadline(time.Now()) // nothing more comes
		case x.hungUp:
			return err
		}
		x.hungUp, limit = true, rawLimit
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
	}
}

// onlyTimeout lets connections end in any way, but not go on.
func onlyTimeout(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// failed reports whether the server says that it failed. A client that hung
// up may be answered 503, since its work was given up.
func (x exchanged) failed() bool {
	for _, status := range x.statuses {
		protocol := status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported
		if gone := status == http.StatusServiceUnavailable && x.hungUp; status >= 500 && !protocol && !gone {
			return true
		}
	}
	return false
}

// busy reports whether the server had no time for the request, which says nothing
// about how it reads HTTP: on a busy machine, writes to one blog wait for each other
// for longer than they may.
func (x exchanged) busy() bool {
	return slices.Contains(x.statuses, http.StatusServiceUnavailable)
}

// judged reports whether a node's answers are right.
func (q rawBytes) judged(x exchanged) bool {
	taken := len(x.statuses) > 0 && x.statuses[0] < 400
	return !x.failed() && taken != q.refused && (q.refused || len(x.statuses) > 0)
}

// throwAll sends all requests, some at a time, and reports those that were
// answered wrongly or hang.
func throwAll(t *testing.T, address string, list []rawBytes, right func(rawBytes, exchanged) bool) (answered map[int]int) {
	t.Helper()
	answered = map[int]int{}
	var mu sync.Mutex
	var some errgroup.Group
	some.SetLimit(64)
	for _, q := range list {
		some.Go(func() error {
			x, err := converse(address, q.bytes)
			for try := 0; try < 5 && x.busy(); try++ {
				x, err = converse(address, q.bytes)
			}
			if err != nil || !right(q, x) {
				t.Errorf("%s: answered %v, %v", q.name, x.statuses, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(x.statuses) == 0 {
				answered[0]++
			}
			for _, s := range x.statuses {
				answered[s]++
			}
			return nil
		})
	}
	_ = some.Wait() // there are no errors but those reported
	return answered
}

// watch follows the blog from its beginning until stop, which returns what came.
func (g *target) watch(t *testing.T) (stop func() []sseEvent) {
	t.Helper()
	r := &sseReader{client: newClient(), slug: "target", query: url.Values{"after": {"0"}}}
	opened, done := make(chan struct{}), make(chan error, 1)
	go func() {
		first := sync.OnceFunc(func() { close(opened) })
		done <- r.follow(t.Context(), g.node.url, func(e sseEvent) bool {
			first()
			return strings.Contains(e.data, "The very last one")
		})
	}()
	<-opened
	return func() []sseEvent {
		t.Helper()
		g.robot.post(t, g.node.url, "target", "The very last one")
		if err := <-done; err != nil {
			t.Errorf("the reader's stream: %v", err)
		}
		return r.log
	}
}

// checkWatched compares what a reader got with the log.
func (g *target) checkWatched(t *testing.T, got []sseEvent) {
	t.Helper()
	ids := int64(0)
	for _, e := range got {
		if e.name == "reset" || e.name == "hello" && ids > 0 {
			t.Errorf("the reader was told %s %s", e.name, e.data)
		}
		if e.hasID && e.name != "hello" {
			if ids++; e.id != fmt.Sprint(ids) {
				t.Errorf("event %s where %d is due", e.id, ids)
			}
		}
	}
	if last := number(t, g.dsn, "SELECT last_seq FROM blogs WHERE slug = 'target'"); ids != last {
		t.Errorf("the reader got %d of %d events", ids, last)
	}
}

// TestE2E_RawRequests throws what is no HTTP, or almost, at a node.
func TestE2E_RawRequests(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	stop := g.watch(t)
	list := g.rawRequests()
	if len(list) < 200 {
		t.Errorf("only %d requests", len(list))
	}
	answered := throwAll(t, strings.TrimPrefix(g.node.url, "http://"), list, rawBytes.judged)
	t.Logf("%d raw requests, answers by status (0 is none): %v", len(list), answered)
	g.afterRaw(t, stop)
}

// afterRaw checks that the bad requests changed nothing for anybody else.
func (g *target) afterRaw(t *testing.T, stop func() []sseEvent) {
	t.Helper()
	g.checkWatched(t, stop())
	if n := number(t, g.dsn, "SELECT count(*) FROM posts WHERE title = 'refused'"); n != 0 {
		t.Errorf("%d posts of refused requests", n)
	}
	g.node.noPanic()
}
