package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// robot is a program with an API token that may do all that tokens may.
type robot struct {
	client *http.Client
	token  string
}

// newRobot makes the token in the database, as an operator does.
func newRobot(t testing.TB, dsn string) *robot {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	token := &liveblog.Token{Name: "robot", Scopes: liveblog.Scopes}
	secret := auth.NewToken(token, time.Now(), 24*time.Hour)
	if err := db.CreateToken(t.Context(), liveblog.Actor{}, token); err != nil {
		t.Fatal(err)
	}
	return &robot{client: newClient(), token: secret}
}

// newClient has connections of its own, so that tests do not wait for each
// other's, and no limit on their number.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
}

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends one request; body is encoded as JSON unless it is nil.
func (r *robot) call(ctx context.Context, method, url string, body any, headers ...string) (answer, error) {
	request := apiclient.Request{Method: method, Path: url, Header: http.Header{}}
	if body != nil {
		request.Body = apiclient.JSON(body)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	got, err := (&apiclient.Client{Token: r.token, HTTP: r.client}).Send(ctx, request)
	return answer{got.Status, got.Header, got.Body}, err
}

func exchange(c *http.Client, req *http.Request) (answer, error) {
	res, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, b}, err
}

// must is call for requests that have to succeed; the answer goes into out.
func (r *robot) must(t testing.TB, method, url string, body, out any, headers ...string) answer {
	t.Helper()
	a, err := r.call(t.Context(), method, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if a.status < 200 || a.status > 299 {
		t.Fatalf("%s %s: %d %s", method, url, a.status, a.body)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, url, err, a.body)
		}
	}
	return a
}

// newBlog makes a live blog.
func (r *robot) newBlog(t testing.TB, node, slug string) {
	t.Helper()
	r.must(t, http.MethodPost, node+"/api/v1/blogs", map[string]any{"slug": slug, "title": "Blog " + slug}, nil)
}

// post publishes one post and returns it.
func (r *robot) post(t testing.TB, node, slug, title string) eventData {
	t.Helper()
	var p eventData
	r.must(t, http.MethodPost, node+"/api/v1/blogs/"+slug+"/posts", map[string]any{"title": title, "body": "Text of **" + title + "**."}, &p)
	return p
}

// insist repeats a request until its outcome is known; try makes one attempt. It
// counts the attempts.
func insist(ctx context.Context, try func(n int) (answer, error)) (answer, int, error) {
	for n := 0; ; n++ {
		a, err := try(n)
		if err == nil && a.status < 500 && a.status != http.StatusTooManyRequests {
			return a, n + 1, nil
		}
		select {
		case <-ctx.Done():
			return a, n + 1, fmt.Errorf("no definite answer: %d %s %w", a.status, a.body, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// query reads rows of the database into structs, by the names of the columns.
func query[T any](t testing.TB, dsn, sql string, args ...any) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// number reads one number of the database.
func number(t testing.TB, dsn, sql string, args ...any) int64 {
	t.Helper()
	type row struct{ N int64 }
	list := query[row](t, dsn, "SELECT ("+sql+")::bigint AS n", args...)
	return list[0].N
}

// spread is a set of durations that prints as its percentiles.
type spread []time.Duration

// at is the duration that a share of all, 0 to 1, do not exceed.
func (s spread) at(share float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(s))[int(float64(len(s)-1)*share)]
}

func (s spread) String() string {
	return fmt.Sprintf("%d, p50 %v, p99 %v, max %v", len(s), s.at(.5).Round(10*time.Microsecond), s.at(.99).Round(10*time.Microsecond), s.at(1).Round(10*time.Microsecond))
}
