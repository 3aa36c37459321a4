package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/postgres"
	"dateline/internal/proof/pgtest"

	"github.com/google/uuid"
)

// stage is a node with everything that an attack needs to be worth it: two
// drafts, users of all kinds, and the keys, with which tests forge what an
// attacker only dreams of.
type stage struct {
	t      *testing.T
	dsn    string
	node   *process
	db     *postgres.DB
	keys   *auth.Keys
	auth   *auth.Service
	hash   string // of adminPassword, made once: it takes long
	ours   *liveblog.Blog
	other  *liveblog.Blog
	admin  *liveblog.User
	member *liveblog.User // an editor of ours, and else a viewer
}

// fast is the flag of nodes that get more requests than any client would send.
const fast = "--rate-limit=10000000"

func newStage(t *testing.T) *stage {
	t.Helper()
	dsn := pgtest.DSN(t)
	s := &stage{t: t, dsn: dsn, node: startProcess(t, dsn, fast)}
	db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s.db = db
	stored, err := db.SigningKeys(t.Context(), liveblog.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	if s.keys, err = auth.NewKeys(stored, nil); err != nil {
		t.Fatal(err)
	}
	s.auth = auth.NewService(db, s.keys, time.Now)
	if s.hash, err = s.auth.HashPassword(t.Context(), adminPassword, adminEmail, ""); err != nil {
		t.Fatal(err)
	}
	s.admin = s.user("admin", liveblog.RoleAdmin)
	s.ours, s.other = s.blog("our-draft"), s.blog("other-draft")
	s.member = s.user("member", liveblog.RoleViewer)
	s.join(s.member, s.ours)
	return s
}

func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Pool().Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) user(name string, role liveblog.Role) *liveblog.User {
	s.t.Helper()
	u := &liveblog.User{Email: name + "@example.org", Name: name, Role: role, PasswordHash: s.hash}
	if err := s.db.CreateUser(s.t.Context(), liveblog.Actor{}, u); err != nil {
		s.t.Fatal(err)
	}
	return u
}

// blog makes a draft.
func (s *stage) blog(slug string) *liveblog.Blog {
	s.t.Helper()
	s.exec(`INSERT INTO blogs (id, slug, title, status) VALUES (gen_random_uuid(), $1, 'A draft', 'draft')`, slug)
	b, err := s.db.Blog(s.t.Context(), slug)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *stage) join(u *liveblog.User, b *liveblog.Blog) {
	s.t.Helper()
	if _, err := s.db.SetMember(s.t.Context(), liveblog.Actor{}, b.ID, u.ID, liveblog.RoleEditor); err != nil {
		s.t.Fatal(err)
	}
}

// signIn opens a session without asking for the password.
func (s *stage) signIn(u *liveblog.User) *auth.SignedIn {
	s.t.Helper()
	in, err := s.auth.Start(s.t.Context(), liveblog.Actor{}, auth.Browser{}, u)
	if err != nil {
		s.t.Fatal(err)
	}
	return in
}

// token makes an API token, good for an hour from a moment on.
func (s *stage) token(from time.Time, blog *uuid.UUID, scopes ...liveblog.Scope) (id, secret string) {
	s.t.Helper()
	token := &liveblog.Token{Name: "robot", Scopes: scopes, BlogID: blog}
	secret = auth.NewToken(token, from, time.Hour)
	if err := s.db.CreateToken(s.t.Context(), liveblog.Actor{}, token); err != nil {
		s.t.Fatal(err)
	}
	return token.ID, secret
}

// actor is a principal by the head of its requests, and what it may do with
// our-draft.
type actor struct {
	name   string
	header string
	may    []grade
}

func cookie(access string) string {
	return "Cookie: dateline_access=" + access + "\r\nSec-Fetch-Site: same-origin\r\n"
}

func bearer(credential string) string { return "Authorization: Bearer " + credential + "\r\n" }

// cast are principals of all kinds.
func (s *stage) cast() []actor {
	s.t.Helper()
	viewer := []grade{open, account, read}
	contributor := slices.Concat(viewer, []grade{submit, picture})
	editor := slices.Concat(contributor, []grade{publish, change, create})
	all := []actor{{"nobody", "", []grade{open}}}
	byCookie := func(name string, u *liveblog.User, may []grade) {
		all = append(all, actor{name, cookie(s.signIn(u).Access), may})
	}
	byCookie("viewer", s.user("viewer", liveblog.RoleViewer), viewer)
	byCookie("contributor", s.user("contributor", liveblog.RoleContributor), contributor)
	byCookie("editor", s.user("editor", liveblog.RoleEditor), editor)
	byCookie("admin", s.admin, slices.Concat(editor, []grade{manage}))
	byCookie("viewer, editor of this blog", s.member, slices.Concat(viewer, []grade{submit, publish, change}))
	stranger := s.user("stranger", liveblog.RoleViewer)
	s.join(stranger, s.other)
	byCookie("viewer, editor of another blog", stranger, viewer)
	all = append(all, actor{"editor by Bearer", bearer(s.signIn(s.user("editor2", liveblog.RoleEditor)).Access), editor})
	return append(all, append(s.programs(), s.outcasts()...)...)
}

// programs have API tokens. A user that may not read drafts can do nothing with one.
func (s *stage) programs() []actor {
	s.t.Helper()
	var all []actor
	program := func(name string, blog *uuid.UUID, may []grade, scopes ...liveblog.Scope) {
		_, secret := s.token(time.Now(), blog, scopes...)
		all = append(all, actor{name, bearer(secret), may})
	}
	program("token to read", nil, []grade{open, read}, liveblog.ScopeRead)
	program("token for posts", nil, []grade{open}, liveblog.ScopePostWrite)
	program("token for blogs", nil, []grade{open, create}, liveblog.ScopeBlogWrite)
	program("token for pictures", nil, []grade{open, picture}, liveblog.ScopeMedia)
	program("token for all", nil, []grade{open, read, submit, publish, change, create, picture}, liveblog.Scopes...)
	program("token of this blog", &s.ours.ID, []grade{open, read, submit, publish, change, picture}, liveblog.Scopes...)
	program("token of another blog", &s.other.ID, []grade{open, picture}, liveblog.Scopes...)
	return all
}

// outcasts show credentials that are not good, or not any more. As a cookie they
// do not keep anybody from reading; as Bearer they are good for nothing at all.
func (s *stage) outcasts() []actor {
	s.t.Helper()
	disabled := s.user("disabled", liveblog.RoleAdmin)
	credentials := map[string]string{
		"disabled user": s.signIn(disabled).Access, "expired access token": s.expired(), "forged access token": s.forged(),
		"signed-out session": s.signedOut(), "refresh token": s.signIn(s.admin).Refresh, "garbage": "a.b.c",
	}
	s.exec(`UPDATE users SET disabled_at = now() WHERE id = $1`, disabled.ID)
	var all []actor
	for name, credential := range credentials {
		all = append(all, actor{name + " in a cookie", cookie(credential), []grade{open}}, actor{name, bearer(credential), nil})
	}
	id, revoked := s.token(time.Now(), nil, liveblog.Scopes...)
	if err := s.db.RevokeToken(s.t.Context(), liveblog.Actor{}, id); err != nil {
		s.t.Fatal(err)
	}
	_, expired := s.token(time.Now().Add(-2*time.Hour), nil, liveblog.Scopes...)
	return append(all, actor{"revoked API token", bearer(revoked), nil}, actor{"expired API token", bearer(expired), nil},
		actor{"API token of nobody", bearer("dl_AAAAAAAAAA_" + rand.Text() + rand.Text()), nil})
}

func (s *stage) expired() string {
	return s.sign(s.keys, time.Now().Add(-auth.AccessTTL-time.Minute))
}

func (s *stage) signedOut() string {
	in := s.signIn(s.admin)
	if err := s.auth.Logout(s.t.Context(), liveblog.Actor{}, in.Refresh); err != nil {
		s.t.Fatal(err)
	}
	return in.Access
}

// forged is right in all but the key.
func (s *stage) forged() string {
	var stored []liveblog.SigningKey
	for _, id := range []string{"access-1", auth.RefreshKeyID} {
		stored = append(stored, liveblog.SigningKey{ID: id, Secret: bytes.Repeat([]byte{7}, auth.KeyLength)})
	}
	keys, err := auth.NewKeys(stored, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.sign(keys, time.Now())
}

// sign makes an access token for a session of the admin that stands.
func (s *stage) sign(keys *auth.Keys, when time.Time) string {
	s.t.Helper()
	session := s.signIn(s.admin).Session
	token, err := auth.NewAccessTokens(keys, func() time.Time { return when }).Sign(auth.Claims{UserID: s.admin.ID, SessionID: session.ID})
	if err != nil {
		s.t.Fatal(fmt.Errorf("sign: %w", err))
	}
	return token
}
