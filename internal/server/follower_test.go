package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/eventsource/conformance"
)

// TestFollowers leads our client, in each of its pages, through all that a stream
// may do: each part begins where the one before left it.
func TestFollowers(t *testing.T) {
	t.Parallel()
	for _, f := range followers {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := f.follow(t)
			w.spellings()
			w.takesNoHarm()
			w.answers()
			w.redirects()
			w.brokenStreams()
			w.opensAnew()
			w.waits()
			w.readsAnew()
			w.ends()
		})
	}
}

// spellings: an event is understood however the specification lets it be written.
func (w *followed) spellings() {
	for _, s := range conformance.Spellings() {
		w.last++
		name, data := w.s.encode(w.last, liveblog.EventPost, testPost(int(w.last), s.Name, "<p>x</p>"))
		w.c.out <- s.Write(name, fmt.Sprint(w.last), data)
		w.applied()
		w.alone(s.Name)
	}
	w.each()
}

// harmless is what a client must take no harm from: it neither applies it nor
// gives its stream up for it. N is the number of the last event.
var harmless = map[string]string{
	"the last event again":       "event: post\nid: N\ndata: {\"seq\":N}\n\n",
	"an older event":             "event: update\nid: 2\ndata: {\"seq\":2}\n\nid: N\n\n",
	"event zero":                 "event: post\nid: 0\ndata: {\"seq\":0}\n\nid: N\n\n",
	"a comment":                  ": still here\n\n",
	"a message":                  "data: {\"seq\":999}\n\n",
	"an unknown event":           "event: poll\ndata: {\"seq\":999}\n\n",
	"another case":               "event: RESET\ndata: {}\n\n",
	"reset without data":         "event: reset\n\n",
	"end without data":           "event: end\n\n",
	"ping at our place":          "event: ping\ndata: {\"head\":N}\n\n",
	"ping of a node behind":      "event: ping\ndata: {\"head\":1}\n\n",
	"ping without a head":        "event: ping\ndata: {}\n\n",
	"ping of nothing":            "event: ping\ndata: null\n\n",
	"ping that is no JSON":       "event: ping\ndata: {\"head\n\n",
	"views":                      "event: views\ndata: {\"posts\":{},\"readers\":3}\n\n",
	"views of unknown posts":     "event: views\ndata: {\"posts\":{\"x\":3},\"readers\":3}\n\n",
	"views that are no JSON":     "event: views\ndata: <html>\n\n",
	"views of nothing":           "event: views\ndata: null\n\n",
	"post that is no JSON":       "event: post\nid: N\ndata: {\"seq\":\n\n",
	"post without a number":      "event: post\nid: N\ndata: {}\n\n",
	"post without data":          "event: post\nid: N\ndata\n\n",
	"post of nothing":            "event: post\nid: N\ndata: null\n\n",
	"bye of a stream that stays": "event: bye\ndata: {}\n\n",
}

func (w *followed) takesNoHarm() {
	for name, words := range harmless {
		w.c.out <- strings.ReplaceAll(words, "N", fmt.Sprint(w.last))
		w.next()
		w.alone(name)
	}
	w.each()
}

// answers: EventSource gives up after these. Our clients come back to where they
// were, whether it was a reconnect or the first request.
func (w *followed) answers() {
	for _, c := range conformance.Cases() {
		if len(c.Events) > 0 || len(c.LastIDs) != 1 {
			continue
		}
		w.s.answers <- c.Answers[0]
		w.s.answers <- c.Answers[0]
		browsertest.Eval[int](w.p, "states.length = 0")
		w.drop("")
		w.p.Wait("states.includes('Reconnecting…')")
		w.comeback(c.Name)
		w.next()
	}
	w.each()
}

// redirects are the browser's affair, and keep the place.
func (w *followed) redirects() {
	for _, status := range []int{301, 302, 303, 307, 308} {
		w.s.answers <- conformance.Answer{Status: status, Here: true}
		w.drop("")
		w.comeback(fmt.Sprint(status))
		w.next()
	}
	w.each()
}

// brokenStreams: an event that was cut off comes again, whole.
func (w *followed) brokenStreams() {
	event := "event: post\nid: N\ndata: {\"seq\":N}\n\n"
	for cut := range len(event) {
		w.drop(strings.ReplaceAll(event[:cut], "N", fmt.Sprint(w.last+1)))
		w.comeback(fmt.Sprint("cut at ", cut))
	}
	w.next()
	for range 3 {
		w.s.answers <- conformance.Answer{} // none
		w.drop("")
		w.comeback("no answer")
		w.next()
	}
	w.each()
}

// opensAnew: a stream that is silent for too long, or tells of what it did not
// bring, is opened anew at the same place; one that said bye is followed.
func (w *followed) opensAnew() {
	w.c.send("ping", "", fmt.Sprintf(`{"head":%d}`, w.last+1))
	w.comeback("a ping ahead")
	w.next()
	w.drop("event: bye\ndata: {}\n\n")
	w.comeback("bye")
	w.next()
	browsertest.Eval[int](w.p, "window.silence = 300")
	w.c.send("views", "", `{"posts":{},"readers":1}`)
	w.comeback("silence")
	browsertest.Eval[int](w.p, "window.silence = 50000")
	w.next()
	w.each()
}

// waits: more than the browser's own time shows that retry was heard.
func (w *followed) waits() {
	began := time.Now()
	w.c.out <- "retry: 3500\nretry: 10x\n\n"
	w.c.close()
	w.comeback("retry")
	if took := time.Since(began); took < 3500*time.Millisecond {
		w.t.Errorf("reconnects after %s", took)
	}
}

// anew is what makes a client read everything anew: N is the number after the
// last event, which it does not have.
var anew = map[string]string{
	"a hole":        "event: post\nid: M\ndata: {\"seq\":M}\n\n",
	"a large hole":  "event: update\nid: 900\ndata: {\"seq\":900}\n\n",
	"a broken post": "event: post\nid: N\ndata: {\"seq\":\n\nevent: post\nid: M\ndata: {\"seq\":M}\n\n",
	"reset":         "event: reset\nid: M\ndata: {\"reason\":\"epoch\",\"epoch\":\"epoch1\",\"head\":M}\n\n",
	"reset behind":  "event: reset\nid: 1\ndata: {\"reason\":\"ahead\",\"epoch\":\"epoch1\",\"head\":1}\n\n",
}

func (w *followed) readsAnew() {
	for name, words := range anew {
		words = strings.ReplaceAll(words, "M", fmt.Sprint(w.last+2))
		words = strings.ReplaceAll(words, "N", fmt.Sprint(w.last+1))
		w.last += 10
		w.s.f.change(func(f *fakePages) { f.blog.LastSeq = w.last })
		w.c.out <- words
		w.comeback(name)
		w.first = w.last + 1
		w.next()
		w.each()
	}
}

// ends: the client closes the stream and asks for nothing more.
func (w *followed) ends() {
	w.c.send("end", fmt.Sprint(w.last), fmt.Sprintf(`{"head":%d}`, w.last))
	<-w.c.done
	w.p.Wait("states.at(-1) === 'Ended'")
	browsertest.Eval[bool](w.p, "new Promise(done => { AbortSignal.timeout(500).onabort = () => done(true) })")
	if len(w.s.conns) > 0 {
		w.t.Error("another stream was opened")
	}
}

// A long poll that fails, in whatever way, is asked again from the same place.
func TestLongPoll_ComesBackAfterEveryAnswer(t *testing.T) {
	t.Parallel()
	const kind = "application/json"
	refusals := []conformance.Answer{
		{Status: 200, Type: kind, Body: `{"events":[{"seq":4,"type":"post","data":{"seq":4`},
		{Status: 200, Type: kind, Body: `{"events":[`, Break: true}, {Status: 200, Type: "text/html", Body: "<h1>Sign in to this network"},
		{Status: 200, Type: kind, Body: "null"}, {Status: 200, Type: kind, Body: "{}"}, {Status: 200}, {},
		{Status: 204}, {Status: 304}, {Status: 404}, {Status: 410}, {Status: 429}, {Status: 500}, {Status: 502}, {Status: 503}, {Status: 504},
	}
	s := newScripted(t, cupFinal(3))
	s.mute.Store(true)
	for _, r := range refusals {
		s.refusals <- r
	}
	p := openPage(t, s, "/b/cup-final", `{ const real = setTimeout; window.setTimeout = (f, time, ...rest) => real(f, time / 100, ...rest) }`)
	p.Expect("the server responded with a status of")
	p.Expect("net::ERR_")
	for range refusals {
		if query := receiveWithin(t, s.polls, "poll"); !strings.Contains(query, "after=3") || !strings.Contains(query, "epoch="+testEpoch) {
			t.Errorf("polls with %s", query)
		}
	}
	p.Wait("log.join() === 'post4' && " + badge + " === 'Live'")
}
