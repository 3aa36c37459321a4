package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/browsertest"
	"dateline/web"
)

// follower is our JavaScript client in one of its pages, which keeps what it does:
// log has the applied events ("post4"), states what it tells of the connection.
type follower struct {
	name string
	open func(t *testing.T, s *scripted) *browsertest.Page
}

var followers = []follower{{"reader.js", openReader}, {"follow.js", openAlone}}

// hurry makes the waits before reconnects short. Silence takes as long as the
// test says.
const hurry = `{
	const real = setTimeout
	window.setTimeout = (f, time, ...rest) =>
		real(f, time === 50000 ? window.silence ?? time : time >= 20 && time < 4500 ? time / 100 : time, ...rest)
}`

// watchMain keeps the states that the reader is told, also when the page is read anew.
const watchMain = `(window.states = [], new MutationObserver(() => states.push(document.querySelector('.badge').textContent)).observe(document.querySelector('main'), { childList: true, subtree: true }), true)`

func openReader(t *testing.T, s *scripted) *browsertest.Page {
	p := openPage(t, s, "/b/cup-final", hurry)
	browsertest.Eval[bool](p, watchMain)
	return p
}

// alone is a page around the client alone, as the editors' desk uses it.
const alone = `<!DOCTYPE html><title>Alone</title><link rel="icon" href="data:,"><script type="module">
import { follow } from '/alone/follow.js'
const words = { connecting: 'Connecting…', live: 'Live', reconnecting: 'Reconnecting…', offline: 'Offline', ended: 'Ended' }
const reload = () => fetch('/alone/snapshot').then(answer => answer.json())
window.log = []
window.states = []
follow('/api/v1/blogs/cup-final/', await reload(), {
	reload, event: (kind, data) => log.push(kind + data.seq), state: state => states.push(words[state]), counts() {},
}).start()
</script>`

func openAlone(t *testing.T, s *scripted) *browsertest.Page {
	s.mux.Handle("GET /alone/follow.js", http.StripPrefix("/alone", http.FileServerFS(web.Assets)))
	s.mux.HandleFunc("GET /alone/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		s.f.change(func(f *fakePages) {
			_ = json.NewEncoder(w).Encode(map[string]any{"epoch": f.blog.Epoch, "seq": f.blog.LastSeq})
		})
	})
	s.mux.HandleFunc("GET /alone", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, alone)
	})
	p := browsertest.New(t)
	p.Before(hurry)
	p.Open(s.url + "/alone")
	return p
}

// followed is a follower at work: its page, the stream that is open now, and the
// numbers of the last event and of the first in the page's log.
type followed struct {
	t           *testing.T
	s           *scripted
	p           *browsertest.Page
	c           *conn
	first, last int64
}

func (f follower) follow(t *testing.T) *followed {
	t.Helper()
	s := newScripted(t, cupFinal(3))
	w := &followed{t: t, s: s, p: f.open(t, s), first: 4, last: 3}
	for _, noise := range []string{"the server responded with a status of", "net::ERR_", "EventSource's response has", "SyntaxError", "TypeError"} {
		w.p.Expect(noise)
	}
	w.c = s.open()
	w.awaitLive()
	return w
}

// next publishes an event on the open stream and waits until it is applied.
func (w *followed) next() {
	w.t.Helper()
	w.last++
	w.c.post(w.last, liveblog.EventPost, testPost(int(w.last), fmt.Sprint("Post ", w.last), "<p>x</p>"))
	w.applied()
}

func (w *followed) applied() {
	w.t.Helper()
	w.p.Wait(fmt.Sprintf("log.at(-1) === 'post%d'", w.last))
}

func (w *followed) awaitLive() {
	w.t.Helper()
	w.p.Wait("window.states?.at(-1) === 'Live'")
}

// comeback waits for the next stream, which must go on after the last event:
// the browser says so in Last-Event-ID, the client in after.
func (w *followed) comeback(why string) {
	w.t.Helper()
	w.c = w.s.open()
	place := w.c.last
	if place == "" {
		place = w.c.after()
	}
	if place != fmt.Sprint(w.last) || !strings.Contains(w.c.query, "epoch="+testEpoch) {
		w.t.Errorf("%s: resumes with %s and the id %q, want %d", why, w.c.query, w.c.last, w.last)
	}
	w.awaitLive()
}

// after is the parameter of that name.
func (c *conn) after() string {
	_, rest, _ := strings.Cut(c.query, "after=")
	after, _, _ := strings.Cut(rest, "&")
	return after
}

// drop ends the open stream, after which the browser waits but a moment.
func (w *followed) drop(lastWords string) {
	w.c.out <- "retry: 10\n\n" + lastWords
	w.c.close()
}

// alone fails if there is another stream than the open one.
func (w *followed) alone(why string) {
	w.t.Helper()
	select {
	case <-w.c.done:
		w.t.Fatalf("%s: the stream was closed", why)
	case <-w.s.conns:
		w.t.Fatalf("%s: another stream was opened", why)
	default:
	}
}

// each checks that each event since the last check was applied once, in order.
func (w *followed) each() {
	w.t.Helper()
	var want []string
	for ; w.first <= w.last; w.first++ {
		want = append(want, fmt.Sprint("post", w.first))
	}
	if got := browsertest.Eval[[]string](w.p, "log.splice(0)"); !slices.Equal(got, want) {
		w.t.Errorf("applied %s, want %s", got, want)
	}
}
