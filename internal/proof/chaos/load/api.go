package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"dateline/internal/apiclient"
)

// api sends single requests to the place where a client is.
type api struct {
	route   *route
	token   string
	timeout time.Duration
	tally   *Tally
	http    *http.Client
}

func newAPI(r *route, token string, timeout time.Duration, tally *Tally) *api {
	return &api{route: r, token: token, timeout: timeout, tally: tally, http: newClient(nil)}
}

func (a *api) close() { a.http.CloseIdleConnections() }

// request is what is asked for.
type request struct {
	method  string
	path    string
	key     string // Idempotency-Key, or ""
	version int64  // for If-Match, or 0
	agent   string // User-Agent, or ""
	address string // of the client, as a proxy says it, or ""
	body    []byte
	kind    string // of the body; JSON when ""
}

// answer is what came of one attempt; status is 0 if nothing did.
type answer struct {
	status   int
	replayed bool
	body     []byte
	took     time.Duration
}

// ask sends a request once.
func (a *api) ask(ctx context.Context, r request) answer {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	began := time.Now()
	out := a.send(ctx, r)
	out.took = time.Since(began)
	a.tally.add(out.status, out.took)
	return out
}

func (a *api) send(ctx context.Context, r request) answer {
	c := apiclient.Client{URL: a.route.url(), Token: a.token, HTTP: a.http}
	got, err := c.Send(ctx, apiclient.Request{
		Method: r.method, Path: r.path, Body: r.body, Type: r.kind, Key: r.key, IfMatch: r.ifMatch(), Header: r.header(),
	})
	if err != nil {
		return answer{}
	}
	return answer{status: got.Status, replayed: got.Replayed(), body: got.Body}
}

func (r request) ifMatch() string {
	if r.version == 0 {
		return ""
	}
	return fmt.Sprintf(`"v%d"`, r.version)
}

func (r request) header() http.Header {
	h := http.Header{}
	if r.agent != "" {
		h.Set("User-Agent", r.agent)
	}
	forwardedFor(h, r.address)
	return h
}

// definite reports whether asking again would be told the same. A server that
// fails, is busy or can't be reached has said nothing about the request.
func (a answer) definite() bool {
	switch a.status {
	case 0, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return a.status < http.StatusInternalServerError
}

// post is what an answer shows of a post.
type post struct {
	ID      string `json:"id"`
	Seq     int64  `json:"seq"`
	Version int64  `json:"version"`
	Status  string `json:"status"`
	Title   string `json:"title"`
}

const removed = "removed"

func (p post) removed() bool { return p.Status == removed }

// post reads the post that an answer shows; a deletion's shows none.
func (a answer) post() (p post) {
	_ = json.Unmarshal(a.body, &p) // what can't be read is not there
	return p
}

// current reads the post that a refusal shows.
func (a answer) current() post {
	var problem struct{ Current post }
	_ = json.Unmarshal(a.body, &problem)
	return problem.Current
}
