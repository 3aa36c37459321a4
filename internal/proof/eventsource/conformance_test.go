package eventsource_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/eventsource/conformance"
)

// seen is what a client made of a case.
type seen struct {
	Events []conformance.Message
	States []int
}

// TestConformance_Parser reads the first answer of each case in every way in
// which its bytes may come.
func TestConformance_Parser(t *testing.T) {
	t.Parallel()
	for _, c := range conformance.Cases() {
		if len(c.Answers) != 1 || len(c.LastIDs) != 2 {
			continue
		}
		stream := c.Answers[0].Body
		want := fmt.Sprintf("%q then %q", c.Events, c.LastIDs[1])
		ways := map[string]*eventsource.Parser{
			"at once":      eventsource.NewParser(strings.NewReader(stream)),
			"byte by byte": eventsource.NewParser(iotest.OneByteReader(strings.NewReader(stream))),
		}
		for cut := range min(len(stream), 1000) {
			ways[fmt.Sprint("cut at ", cut)] = eventsource.NewParser(&chunks{[]string{stream[:cut], stream[cut:]}})
		}
		for way, p := range ways {
			if got := fmt.Sprintf("%q then %q", parseAll(p), p.LastID()); got != want {
				t.Errorf("%s (%s), %s:\n got %s\nwant %s", c.Name, c.Rule, way, got, want)
			}
		}
	}
}

func parseAll(p *eventsource.Parser) (all []conformance.Message) {
	for e, err := p.Next(); err == nil; e, err = p.Next() {
		all = append(all, conformance.Message{Name: e.Name, ID: e.ID, Data: string(e.Data)})
	}
	return all
}

// TestConformance_Client has all conversations at the same time: some wait for seconds.
func TestConformance_Client(t *testing.T) {
	t.Parallel()
	server := &conformance.Server{Cases: conformance.Cases()}
	site := httptest.NewServer(server)
	t.Cleanup(site.Close)
	var all sync.WaitGroup
	for i, c := range server.Cases {
		all.Go(func() {
			path := conformance.Path(i, "go")
			judge(t, c, converse(t, &eventsource.Client{URL: site.URL + path, HTTP: site.Client(), Retry: time.Millisecond}), server.Requests(path))
		})
	}
	all.Wait()
}

// converse follows until the answer that ends every case.
func converse(t *testing.T, client *eventsource.Client) seen {
	got := seen{States: []int{int(eventsource.Connecting)}}
	client.OnState = func(s eventsource.State, _ error) { got.States = append(got.States, int(s)) }
	err := client.Follow(within(t), func(e eventsource.Event) error {
		got.Events = append(got.Events, conformance.Message{Name: e.Name, ID: e.ID, Data: string(e.Data)})
		return nil
	})
	if _, refused := errors.AsType[*eventsource.RefusedError](err); !refused {
		t.Errorf("%s: %v", client.URL, err)
	}
	return got
}

// unlike are cases in which Chromium departs from the specification of today.
var unlike = map[string]string{
	"type with another charset":         "it refuses any charset but UTF-8",
	"byte order mark alone on its line": "it overlooks a line end right after the mark",
	"empty retry":                       "it goes back to its own time",
}

// TestConformance_Browser is the control: if a browser disagrees with the table,
// one of them has misread the specification.
func TestConformance_Browser(t *testing.T) {
	t.Parallel()
	server := &conformance.Server{Cases: conformance.Cases()}
	site := httptest.NewServer(server)
	t.Cleanup(site.Close)
	p := browsertest.New(t)
	for _, noise := range []string{"the server responded with a status of", "net::ERR_", "EventSource's response has"} {
		p.Expect(noise)
	}
	p.Open(site.URL + "/")
	for name, all := range browsertest.Eval[map[string][]seen](p, fmt.Sprintf(followAll, conformance.Bytewise, len(server.Cases))) {
		for i, c := range server.Cases {
			if unlike[c.Name] == "" {
				judge(t, c, all[i], server.Requests(conformance.Path(i, name)))
			}
		}
	}
}

// followAll lets the browser's own EventSource go through all cases at the same
// time, each twice. Anything but message must be listened to by name.
const followAll = `(async () => {
	const follow = url => new Promise(done => {
		const source = new EventSource(url), events = [], states = [source.readyState]
		for (const name of ['message', 'post', 'views', 'x', ' a b '])
			source.addEventListener(name, e => events.push({ name: e.type, id: e.lastEventId, data: e.data }))
		source.onopen = () => states.push(source.readyState)
		source.onerror = () => {
			states.push(source.readyState)
			if (source.readyState === 2) done({ events, states })
		}
	})
	const all = name => Promise.all([...Array(%[2]d).keys()].map(i => follow('/' + i + '/' + name)))
	const [browser, bytewise] = await Promise.all([all('browser'), all('%[1]s')])
	return { browser, %[1]s: bytewise }
})()`

func judge(t *testing.T, c conformance.Case, got seen, requests []conformance.Request) {
	t.Helper()
	if !slices.Equal(got.Events, c.Events) {
		t.Errorf("%s (%s): events\n got %.300q\nwant %.300q", c.Name, c.Rule, got.Events, c.Events)
	}
	if !slices.Equal(got.States, c.States) {
		t.Errorf("%s (%s): states %v, want %v", c.Name, c.Rule, got.States, c.States)
	}
	var ids []string
	for _, r := range requests {
		ids = append(ids, strings.Join(r.Header.Values("Last-Event-ID"), ","))
		if r.Method != http.MethodGet || r.Header.Get("Accept") != "text/event-stream" || r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: request %s %v", c.Name, r.Method, r.Header)
		}
	}
	if !slices.Equal(ids, c.LastIDs) {
		t.Errorf("%s (%s): requests with the ids %q, want %q", c.Name, c.Rule, ids, c.LastIDs)
	} else if c.Wait > 0 && requests[1].At.Sub(requests[0].At) < time.Duration(c.Wait)*time.Millisecond {
		t.Errorf("%s (%s): reconnects after %s, want %d ms", c.Name, c.Rule, requests[1].At.Sub(requests[0].At), c.Wait)
	}
}

// chunks gives one chunk per read.
type chunks struct{ rest []string }

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.rest[0])
	if c.rest[0] = c.rest[0][n:]; c.rest[0] == "" {
		c.rest = c.rest[1:]
	}
	return n, nil
}

func TestConformance_Spellings(t *testing.T) {
	t.Parallel()
	for _, s := range conformance.Spellings() {
		got := parseAll(eventsource.NewParser(strings.NewReader(s.Write("post", "7", `{"seq":7}`))))
		last := got[len(got)-1]
		if last.Name != "post" || last.ID != "7" || strings.ReplaceAll(last.Data, "\n", "") != `{"seq":7}` {
			t.Errorf("%s (%s): %q", s.Name, s.Rule, got)
		}
	}
}

func TestConformance_NamesAreUnique(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, c := range conformance.Cases() {
		if names[c.Name] || c.Rule == "" {
			t.Errorf("%s", c.Name)
		}
		names[c.Name] = true
	}
}
