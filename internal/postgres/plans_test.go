package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// many is the size of the big blog, and of what else there is many of; few is
// the size of a small one, which still fills every list.
const (
	many = 50_000
	few  = 1000
)

// library is a database with a blog of a thousand posts and one of fifty
// thousand, which are alike but for their size, among as many other blogs.
type library struct {
	db         *postgres.DB
	conn       *pgx.Conn // explains
	small, big *liveblog.Blog
	statements *statements
}

// newLibrary fills a database by statements on whole sets. One post in seven has
// the tag "goal", one in twenty is a key event; the removed posts are the newest of
// the timeline, and of what is unpublished one status comes after the other.
func newLibrary(t testing.TB) *library {
	t.Helper()
	dsn := pgtest.DSN(t)
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	l := &library{db: db, conn: conn, statements: &statements{}}
	for _, sql := range []string{
		`INSERT INTO blogs (id, slug, title, status, created_at)
			SELECT gen_random_uuid(), 'blog-' || n, 'Title', CASE WHEN n % 3 = 0 THEN 'draft' ELSE 'live' END, now() - n * interval '1 second'
			FROM generate_series(1, $1::int) n`,
		`INSERT INTO users (id, email, name, password_hash, role)
			SELECT gen_random_uuid(), n || '@example.org', 'Name ' || n, 'x', 'editor' FROM generate_series(1, $1::int) n`,
		`INSERT INTO api_tokens (id, name, hash, scopes, expires_at)
			SELECT 'T' || n, 'robot', '\x00', '{}', now() + interval '1 day' FROM generate_series(1, $1::int) n`,
		`INSERT INTO members (blog_id, user_id, role)
			SELECT b.id, u.id, 'editor' FROM (SELECT id, row_number() OVER () AS n FROM blogs) b
			JOIN (SELECT id, row_number() OVER () AS n FROM users) u ON b.n = u.n WHERE b.n <= $1`,
	} {
		l.exec(t, sql, many)
	}
	l.small, l.big = l.addBlog(t, "small", few), l.addBlog(t, "big", many)
	l.exec(t, `VACUUM ANALYZE`)
	postgres.Trace(t, db, l.statements)
	return l
}

func (l *library) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := l.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (l *library) addBlog(t testing.TB, slug string, posts int) *liveblog.Blog {
	t.Helper()
	b, _, err := l.db.CreateBlog(t.Context(), nobody, liveblog.IdempotencyKey{}, liveblog.Blog{Slug: slug, Title: "Title", Status: liveblog.BlogLive, Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	l.exec(t, `INSERT INTO posts (id, blog_id, status, version, position, html, tags, key_event, published_at, updated_at)
		SELECT gen_random_uuid(), $1, 'published', 1, n, 'text', CASE WHEN n % 7 = 0 THEN '{goal}'::text[] ELSE '{}' END, n % 20 = 0, now(), now() + n * interval '1 ms'
		FROM generate_series(1, $2::int) n`, b.ID, posts)
	for i, status := range []string{"draft", "submitted", "removed"} {
		l.exec(t, `INSERT INTO posts (id, blog_id, status, version, position, html, updated_at)
			SELECT gen_random_uuid(), $1, $3, 1, CASE WHEN $3 = 'removed' THEN $2 + n END, 'text', now() + (n + $4::int * $2) * interval '1 ms'
			FROM generate_series(1, $2::int) n`, b.ID, posts, status, i)
	}
	l.exec(t, `INSERT INTO events (blog_id, seq, type, post_id, version, chain)
		SELECT blog_id, position, 'post', id, 1, '\x0000000000000000' FROM posts WHERE blog_id = $1 AND status = 'published'`, b.ID)
	l.exec(t, `INSERT INTO revisions (post_id, version, status, title, body, html, byline, tags, key_event)
		SELECT (SELECT id FROM posts WHERE blog_id = $1 AND position = 1), n, 'published', '', '', '', '', '{}', false
		FROM generate_series(1, $2::int) n`, b.ID, posts)
	l.exec(t, `UPDATE blogs SET last_seq = $2 WHERE id = $1`, b.ID, posts)
	return b
}

// statements remembers what is sent.
type statements struct {
	mu   sync.Mutex
	sent []statement
}

type statement struct {
	sql  string
	args []any
}

func (s *statements) note(sql string, args []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(strings.TrimSpace(strings.ToUpper(sql)), "SELECT") {
		s.sent = append(s.sent, statement{sql, args})
	}
}

func (s *statements) take() []statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.note(d.SQL, d.Args)
	return ctx
}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	for _, q := range d.Batch.QueuedQueries {
		s.note(q.SQL, q.Arguments)
	}
	return ctx
}
func (*statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// plan is a node of an execution plan (EXPLAIN, format JSON).
type plan struct {
	Type    string  `json:"Node Type"`
	Table   string  `json:"Relation Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Hit     int     `json:"Shared Hit Blocks"`
	Read    int     `json:"Shared Read Blocks"`
	Plans   []plan
}

func (p *plan) buffers() int { return p.Hit + p.Read }

// walks lists the nodes that went through more than a page of a list needs.
func (p *plan) walks() (out []string) {
	const enough = 500
	if n := (p.Rows + p.Removed) * max(p.Loops, 1); n > enough {
		out = append(out, fmt.Sprintf("%s on %s went through %.0f rows", p.Type, p.Table, n))
	}
	if p.Type == "Seq Scan" && (p.Rows+p.Removed)*p.Loops > 1 {
		out = append(out, "Seq Scan on "+p.Table)
	}
	for i := range p.Plans {
		out = append(out, p.Plans[i].walks()...)
	}
	return out
}

// explain runs a statement as it is planned for its arguments, and as it is
// planned once for all, which PostgreSQL may choose after five times.
func (l *library) explain(t testing.TB, s statement) (custom, generic plan) {
	t.Helper()
	var literals []string
	for _, arg := range s.args {
		literals = append(literals, literal(t, arg))
	}
	name := fmt.Sprintf("s%d", time.Now().UnixNano())
	if _, err := l.conn.Prepare(t.Context(), name, s.sql); err != nil {
		t.Fatalf("%s: %v", s.sql, err)
	}
	execute := `EXECUTE ` + name
	if len(literals) > 0 {
		execute += `(` + strings.Join(literals, ", ") + `)`
	}
	var out [2]plan
	for i, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		l.exec(t, `SET plan_cache_mode = `+mode)
		var text []byte
		err := l.conn.QueryRow(t.Context(), `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) `+execute, pgx.QueryExecModeSimpleProtocol).Scan(&text)
		if err != nil {
			t.Fatalf("%s: %v", s.sql, err)
		}
		var explained []struct{ Plan plan }
		if err := json.Unmarshal(text, &explained); err != nil {
			t.Fatal(err)
		}
		out[i] = explained[0].Plan
	}
	return out[0], out[1]
}

func literal(t testing.TB, arg any) string {
	t.Helper()
	switch v := arg.(type) {
	case int, int32, int64, bool:
		return fmt.Sprint(v)
	case string:
		return `'` + strings.ReplaceAll(v, `'`, `''`) + `'`
	case liveblog.BlogStatus:
		return `'` + string(v) + `'`
	case uuid.UUID:
		return `'` + v.String() + `'`
	case time.Time:
		return `'` + v.Format(time.RFC3339Nano) + `'`
	case []uuid.UUID:
		var ids []string
		for _, id := range v {
			ids = append(ids, id.String())
		}
		return `'{` + strings.Join(ids, ",") + `}'`
	}
	t.Fatalf("no literal for %T", arg)
	return ""
}

// cost is what a call reads in both ways of planning; it fails the test when a
// statement of it goes through more than it needs.
func (l *library) cost(t testing.TB, name string, call func() error) (custom, generic int) {
	t.Helper()
	l.statements.take()
	if err := call(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	sent := l.statements.take()
	if len(sent) == 0 {
		t.Fatalf("%s: no statement was seen", name)
	}
	for _, s := range sent {
		c, g := l.explain(t, s)
		for how, p := range map[string]plan{"custom": c, "generic": g} {
			if walks := p.walks(); len(walks) > 0 {
				t.Errorf("%s, %s plan: %s\n%s", name, how, strings.Join(walks, "; "), s.sql)
			}
		}
		custom, generic = custom+c.buffers(), generic+g.buffers()
	}
	return custom, generic
}

// TestPlans_ListsReadNoMoreThanTheyShow: every list of a blog with fifty thousand
// posts is read from an index and costs what that of a small blog does, in pages
// of the database, with plans for the arguments and with those for all.
func TestPlans_ListsReadNoMoreThanTheyShow(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	names := make([]string, 0, len(listsOfBlog))
	for name := range listsOfBlog {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		run := listsOfBlog[name]
		smallC, smallG := l.cost(t, name+" of the small blog", func() error { return run(t.Context(), l.db, l.small, few) })
		bigC, bigG := l.cost(t, name+" of the big blog", func() error { return run(t.Context(), l.db, l.big, many) })
		t.Logf("%-28s %4d pages of the small blog, %4d of the big one; %4d and %4d planned for all", name, smallC, bigC, smallG, bigG)
		for _, pair := range [][2]int{{smallC, bigC}, {smallG, bigG}} {
			if limit := float64(pair[0])*1.3 + deeper; float64(pair[1]) > limit {
				t.Errorf("%s: %d pages where a small blog takes %d", name, pair[1], pair[0])
			}
		}
	}
	for name, run := range otherLists {
		l.cost(t, name, func() error { return run(t.Context(), l.db, l.small) })
	}
}

// deeper is what the larger trees of a big blog's indexes and its scattered rows
// may cost beside the share: a page of each level that each row is looked up through.
const deeper = 100

type listOfBlog func(ctx context.Context, db *postgres.DB, b *liveblog.Blog, posts int64) error

func postsQuery(change func(q *liveblog.PostQuery, posts int64)) listOfBlog {
	return func(ctx context.Context, db *postgres.DB, b *liveblog.Blog, posts int64) error {
		q := liveblog.PostQuery{BlogID: b.ID, Status: liveblog.PostPublished, Limit: 5}
		change(&q, posts)
		_, err := db.Posts(ctx, q)
		return err
	}
}

func pageOf(q liveblog.PageQuery) listOfBlog {
	return func(ctx context.Context, db *postgres.DB, b *liveblog.Blog, _ int64) error {
		_, err := db.Page(ctx, b.Slug, q)
		return err
	}
}

var listsOfBlog = map[string]listOfBlog{
	"first page":            pageOf(liveblog.PageQuery{Limit: 20}),
	"feed":                  pageOf(liveblog.PageQuery{Limit: 50}),
	"page, oldest first":    pageOf(liveblog.PageQuery{Limit: 20, OldestFirst: true}),
	"page of a tag":         pageOf(liveblog.PageQuery{Limit: 20, Tag: "goal"}),
	"page of no tag":        pageOf(liveblog.PageQuery{Limit: 20, Tag: "nobody has it"}),
	"page of key events":    pageOf(liveblog.PageQuery{Limit: 20, KeyEvents: true}),
	"page of a tag's":       pageOf(liveblog.PageQuery{Limit: 5, Tag: "goal", KeyEvents: true}),
	"posts":                 postsQuery(func(q *liveblog.PostQuery, _ int64) { q.Limit = 20 }),
	"hundred posts":         postsQuery(func(q *liveblog.PostQuery, _ int64) { q.Limit = 100 }),
	"posts from the middle": postsQuery(func(q *liveblog.PostQuery, n int64) { q.After, q.Limit = n/2, 20 }),
	"posts, oldest first":   postsQuery(func(q *liveblog.PostQuery, n int64) { q.After, q.Oldest, q.Limit = n/2, true, 20 }),
	"key events":            postsQuery(func(q *liveblog.PostQuery, _ int64) { q.KeyEvent = true }),
	"tag":                   postsQuery(func(q *liveblog.PostQuery, n int64) { q.Tag, q.After = "goal", n/2 }),
	"drafts":                postsQuery(func(q *liveblog.PostQuery, _ int64) { q.Status, q.Limit = liveblog.PostDraft, 20 }),
	"submitted":             postsQuery(func(q *liveblog.PostQuery, _ int64) { q.Status, q.Limit = liveblog.PostSubmitted, 20 }),
	"removed": postsQuery(func(q *liveblog.PostQuery, n int64) {
		q.Status, q.Limit, q.Before = liveblog.PostRemoved, 20, time.Now().Add(time.Duration(5*n/2)*time.Millisecond)
	}),
	"revisions": func(ctx context.Context, db *postgres.DB, b *liveblog.Blog, _ int64) error {
		list, err := db.Posts(ctx, liveblog.PostQuery{BlogID: b.ID, Status: liveblog.PostPublished, Oldest: true, Limit: 1})
		if err != nil {
			return err
		}
		_, err = db.Revisions(ctx, b.ID, list.Posts[0].ID, 20)
		return err
	},
	"events": func(ctx context.Context, db *postgres.DB, b *liveblog.Blog, n int64) error {
		_, err := db.EventsAfter(ctx, b.ID, n-20, 20)
		return err
	},
	"heads": func(ctx context.Context, db *postgres.DB, b *liveblog.Blog, _ int64) error {
		_, err := db.Heads(ctx, []uuid.UUID{b.ID})
		return err
	},
}

func blogsQuery(q liveblog.BlogQuery) func(context.Context, *postgres.DB, *liveblog.Blog) error {
	return func(ctx context.Context, db *postgres.DB, _ *liveblog.Blog) error {
		_, err := db.Blogs(ctx, q)
		return err
	}
}

// otherLists are not of one blog. The lists of all users and of all API tokens
// are not among them: they show all there are.
var otherLists = map[string]func(context.Context, *postgres.DB, *liveblog.Blog) error{
	"blogs":        blogsQuery(liveblog.BlogQuery{Limit: 50}),
	"blogs, later": blogsQuery(liveblog.BlogQuery{Limit: 50, BeforeTime: time.Now().Add(-time.Hour), BeforeID: uuid.New()}),
	"live blogs":   blogsQuery(liveblog.BlogQuery{Limit: 50, Status: liveblog.BlogLive}),
	"all blogs":    blogsQuery(liveblog.BlogQuery{Limit: 50, All: true}),
	"draft blogs":  blogsQuery(liveblog.BlogQuery{Limit: 50, All: true, Status: liveblog.BlogDraft, BeforeTime: time.Now().Add(-time.Hour), BeforeID: uuid.New()}),
	"ended blogs":  blogsQuery(liveblog.BlogQuery{Limit: 50, Status: liveblog.BlogEnded}),
	"members": func(ctx context.Context, db *postgres.DB, b *liveblog.Blog) error {
		_, err := db.Members(ctx, b.ID)
		return err
	},
	"a token": func(ctx context.Context, db *postgres.DB, _ *liveblog.Blog) error {
		_, err := db.Token(ctx, "T777")
		return err
	},
	"a user": func(ctx context.Context, db *postgres.DB, _ *liveblog.Blog) error {
		_, err := db.UserByEmail(ctx, "777@example.org")
		return err
	},
	"outdated texts": func(ctx context.Context, db *postgres.DB, _ *liveblog.Blog) error {
		return postgres.FindOutdated(ctx, db, 2) // all
	},
	"no outdated texts": func(ctx context.Context, db *postgres.DB, _ *liveblog.Blog) error {
		return postgres.FindOutdated(ctx, db, 1)
	},
	"media": func(ctx context.Context, db *postgres.DB, _ *liveblog.Blog) error {
		_, err := db.Media(ctx, []uuid.UUID{uuid.New()})
		return err
	},
}

// BenchmarkFirstPage compares the first page of the big blog with the small one's.
func BenchmarkFirstPage(b *testing.B) {
	l := newLibrary(b)
	for _, blog := range []*liveblog.Blog{l.small, l.big} {
		b.Run(blog.Slug, func(b *testing.B) {
			for b.Loop() {
				if _, err := l.db.Page(b.Context(), blog.Slug, liveblog.PageQuery{Limit: 20}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
