package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dateline/internal/proof/eventsource"
	"dateline/internal/stream"

	"github.com/google/uuid"
)

// watch opens a stream and returns the token of its hello. It stays open until
// the test ends.
func (n *newsroom) watch(t *testing.T, slug string, cookies ...*http.Cookie) (token string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/api/v1/blogs/"+slug+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	hello, err := eventsource.NewParser(bufio.NewReader(res.Body)).Next()
	if err != nil || hello.Name != "hello" {
		t.Fatalf("%s: %v", hello.Data, err)
	}
	var data struct{ Token string }
	if err := json.Unmarshal(hello.Data, &data); err != nil {
		t.Fatal(err)
	}
	return data.Token
}

// pollToken asks for a token without a stream.
func (n *newsroom) pollToken(t *testing.T, slug string) (token, caching string) {
	t.Helper()
	res, err := n.get(t.Context(), "/api/v1/blogs/"+slug+"/events?wait=0&token=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var batch stream.Batch
	if err := json.NewDecoder(res.Body).Decode(&batch); err != nil {
		t.Fatal(err)
	}
	return batch.Token, res.Header.Get("Cache-Control")
}

// report sends a beacon, which is taken whether it counts or not.
func (n *newsroom) report(t *testing.T, slug, token string, post uuid.UUID) {
	t.Helper()
	c := n.browser()
	c.header.Set("User-Agent", "Mozilla/5.0")
	if w := c.do("POST", "/api/v1/blogs/"+slug+"/views", fmt.Sprintf(`{"token":%q,"posts":[%q]}`, token, post)); w.Code != http.StatusNoContent {
		t.Errorf("beacon with %q: %d %s", token, w.Code, w.Body)
	}
}

// counted writes what was reported, as a node that stops does, and reads the
// views of a post.
func (n *newsroom) counted(t *testing.T, slug string, post uuid.UUID) int64 {
	t.Helper()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	n.views.Run(over)
	blog, err := n.db.Blog(t.Context(), slug)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := n.db.Counts(t.Context(), blog.ID)
	if err != nil {
		t.Fatal(err)
	}
	return counts.Posts[post]
}

// anyPost publishes a post and returns its id.
func (n *newsroom) anyPost(t *testing.T, slug string) uuid.UUID {
	t.Helper()
	w := n.signedIn(t, adminEmail).do("POST", "/api/v1/blogs/"+slug+"/posts", `{"body":"Seen by many"}`)
	return uuid.MustParse(field(t, w, "id"))
}

// Only pages that follow the blog count, and each of them once for a post.
func TestViews_MadeUpTokensCountNothing(t *testing.T) {
	t.Parallel()
	room := newNewsroom(t, stream.Limits{})
	room.addBlog(t, "cup-final", "live")
	room.addBlog(t, "other-blog", "live")
	post := room.anyPost(t, "cup-final")
	for i := range 1800 {
		room.report(t, "cup-final", fmt.Sprintf("made-up-by-somebody-%018d", i), post)
	}
	room.report(t, "cup-final", room.watch(t, "other-blog"), post)
	real := room.watch(t, "cup-final")
	other := "A"
	if strings.HasSuffix(real, other) {
		other = "Q"
	}
	room.report(t, "cup-final", real[:37]+other, post)
	room.report(t, "cup-final", strings.ToUpper(real), post)
	if n := room.counted(t, "cup-final", post); n != 0 {
		t.Errorf("tokens that nobody was given counted %d times", n)
	}
	polled, caching := room.pollToken(t, "cup-final")
	if caching != "no-store" {
		t.Errorf("a cache may give one token to many: %q", caching)
	}
	for range 3 {
		room.report(t, "cup-final", real, post)
		room.report(t, "cup-final", polled, post)
	}
	if n := room.counted(t, "cup-final", post); n != 2 {
		t.Errorf("two pages count %d times", n)
	}
}

// An address gets no more tokens in a minute than it may hold streams, however
// often it opens them.
func TestViews_TokensAreLimitedPerAddress(t *testing.T) {
	t.Parallel()
	room := newNewsroom(t, stream.Limits{PerAddress: 3})
	room.addBlog(t, "cup-final", "live")
	tokens := map[string]bool{}
	for range 10 {
		token, _ := room.pollToken(t, "cup-final")
		tokens[token] = true
	}
	if delete(tokens, ""); len(tokens) != 3 {
		t.Errorf("%d tokens at a limit of 3", len(tokens))
	}
}

// A client that may read drafts works on the blog: its stream is no reader's.
func TestViews_DesksAreNoReaders(t *testing.T) {
	t.Parallel()
	room := newNewsroom(t, stream.Limits{})
	room.addBlog(t, "cup-final", "live")
	blog, err := room.db.Blog(t.Context(), "cup-final")
	if err != nil {
		t.Fatal(err)
	}
	var cookies []*http.Cookie
	for _, c := range room.signedIn(t, adminEmail).cookies {
		cookies = append(cookies, c)
	}
	if token := room.watch(t, "cup-final", cookies...); token != "" {
		t.Error("a desk got a token to count views with")
	}
	if n := room.hub.Readers()[blog.ID]; n != 0 || room.hub.Streams() != 1 {
		t.Errorf("with a desk alone: %d readers, %d streams", n, room.hub.Streams())
	}
	if token := room.watch(t, "cup-final"); token == "" {
		t.Error("a reader got no token")
	}
	if n := room.hub.Readers()[blog.ID]; n != 1 {
		t.Errorf("with a desk and a reader: %d readers", n)
	}
}
