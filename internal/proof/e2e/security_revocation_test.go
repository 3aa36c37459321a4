package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"
)

// revocationLimit is how long a stream may outlive the right to read it.
const revocationLimit = 5 * time.Second

// revocation is one way to lose one's rights, with somebody who does.
type revocation struct {
	name     string
	who      *robot
	revoke   func(node string) // on one node; it has happened when it returns
	canWatch bool              // still: the right to read is another one
}

// TestE2E_SecurityRevocation takes rights away on one of two nodes. Both refuse
// the very next change, and close the streams that are open.
func TestE2E_SecurityRevocation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	nodes := []*process{s.node, startProcess(t, s.dsn, fast)}
	var all sync.WaitGroup
	for i, r := range s.revocations() {
		all.Go(func() { s.lose(r, nodes, nodes[i%2].url) })
	}
	all.Wait()
	for _, n := range nodes {
		n.noPanic()
	}
}

// revocations are all ways there are.
func (s *stage) revocations() []revocation {
	boss := s.personas("boss", liveblog.RoleAdmin)
	users := func(u *liveblog.User) string { return "/api/v1/users/" + u.ID.String() }
	id, secret := s.token(time.Now(), nil, liveblog.Scopes...)
	var all []revocation
	add := func(name string, canWatch bool, revoke func(p persona, node string)) {
		role := liveblog.RoleEditor
		if name == "membership ended" {
			role = liveblog.RoleViewer
		}
		p := s.personas(strings.ReplaceAll(name, " ", "-"), role)
		if role == liveblog.RoleViewer {
			s.join(p.user, s.ours)
		}
		all = append(all, revocation{name, p.robot, func(node string) { revoke(p, node) }, canWatch})
	}
	add("user disabled", false, func(p persona, node string) {
		boss.robot.must(s.t, http.MethodPatch, node+users(p.user), map[string]any{"disabled": true}, nil)
	})
	add("user demoted", true, func(p persona, node string) {
		boss.robot.must(s.t, http.MethodPatch, node+users(p.user), map[string]any{"role": "viewer"}, nil)
	})
	add("membership ended", true, func(p persona, node string) {
		boss.robot.must(s.t, http.MethodDelete, node+"/api/v1/blogs/our-draft/members/"+p.user.ID.String(), nil, nil)
	})
	add("password changed", false, func(p persona, node string) {
		body := map[string]any{"current_password": adminPassword, "new_password": "another long pass phrase"}
		p.robot.must(s.t, http.MethodPut, node+"/api/v1/account/password", body, nil)
	})
	add("signed out", false, func(p persona, node string) { p.robot.must(s.t, http.MethodDelete, node+"/api/v1/session", nil, nil) })
	add("refresh token used twice", false, func(p persona, node string) { s.steal(p, node) })
	token := revocation{name: "token revoked", who: &robot{client: newClient(), token: secret}, revoke: func(node string) {
		boss.robot.must(s.t, http.MethodDelete, node+"/api/v1/tokens/"+id, nil, nil)
	}}
	return append(all, token)
}

// persona is a user who signed in.
type persona struct {
	user    *liveblog.User
	robot   *robot
	refresh string
}

func (s *stage) personas(name string, role liveblog.Role) persona {
	s.t.Helper()
	u := s.user(name, role)
	in := s.signIn(u)
	return persona{u, &robot{client: newClient(), token: in.Access}, in.Refresh}
}

// steal uses a refresh token again after its successor was used.
func (s *stage) steal(p persona, node string) {
	s.t.Helper()
	in, err := s.auth.Refresh(s.t.Context(), liveblog.Actor{}, auth.Browser{}, p.refresh)
	if err != nil {
		s.t.Error(err)
		return
	}
	for _, token := range []string{in.Refresh, p.refresh} {
		a, err := (&robot{client: newClient()}).call(s.t.Context(), http.MethodPost, node+"/api/v1/session/refresh", map[string]any{"refresh_token": token})
		if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusOK}[token == p.refresh]; err != nil || a.status != want {
			s.t.Errorf("refresh: %d %s %v, want %d", a.status, a.body, err, want)
		}
	}
}

// lose writes and watches on all nodes, before and after.
func (s *stage) lose(r revocation, nodes []*process, node string) {
	var closed []<-chan time.Time
	for i, n := range nodes {
		if a := s.write(r.who, n.url, fmt.Sprint(r.name, i)); a.status != http.StatusCreated {
			s.t.Errorf("%s: before, node %d says %d %s", r.name, i, a.status, a.body)
		}
		end, err := watchDraft(s.t, r.who, n.url)
		if err != nil {
			s.t.Errorf("%s: %v", r.name, err)
			return
		}
		closed = append(closed, end)
	}
	r.revoke(node)
	revoked := time.Now()
	for i, n := range nodes {
		if a := s.write(r.who, n.url, r.name); a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
			s.t.Errorf("%s: after, node %d says %d %s", r.name, i, a.status, a.body)
		}
	}
	for i, end := range closed {
		if r.canWatch {
			continue
		}
		select {
		case at := <-end:
			s.t.Logf("%s: node %d closed the stream after %v", r.name, i, at.Sub(revoked).Round(time.Millisecond))
		case <-time.After(revocationLimit):
			s.t.Errorf("%s: the stream of node %d is still open after %v", r.name, i, revocationLimit)
		}
	}
}

func (s *stage) write(who *robot, node, title string) answer {
	a, err := who.call(s.t.Context(), http.MethodPost, node+"/api/v1/blogs/our-draft/posts", map[string]any{"title": title})
	if err != nil {
		s.t.Error(err)
	}
	return a
}

// watchDraft opens the stream of the draft and tells when it ended.
func watchDraft(t *testing.T, who *robot, node string) (<-chan time.Time, error) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, node+"/api/v1/blogs/our-draft/stream", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+who.token)
	res, err := who.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("the stream of the draft answers %s", res.Status)
	}
	end := make(chan time.Time, 1)
	go func() {
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body) // however it ends
		end <- time.Now()
	}()
	return end, nil
}
