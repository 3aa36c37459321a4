package e2e

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/liveblog"
)

// guess is one attempt to sign in, with headers beside it.
func guess(t *testing.T, node, email, password string, headers ...string) answer {
	t.Helper()
	a, err := (&robot{client: http.DefaultClient}).call(t.Context(), http.MethodPost, node+"/api/v1/session", map[string]any{"email": email, "password": password}, headers...)
	if err != nil {
		t.Error(err)
	}
	return a
}

var requestIDs = regexp.MustCompile(`"request_id":"\w+"`)

// TestE2E_SecuritySignInTellsNothing guesses at accounts that exist, that do not,
// and that are disabled, until it is refused: each gets the same answers.
func TestE2E_SecuritySignInTellsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.exec(`UPDATE users SET disabled_at = now() WHERE id = $1`, s.user("gone", liveblog.RoleEditor).ID)
	var first []string
	for _, name := range []string{"admin", "gone", "nobody", "nobody-else"} {
		var got []string
		for range 12 {
			a := guess(t, s.node.url, name+"@example.org", "a wrong password")
			got = append(got, fmt.Sprint(a.status, requestIDs.ReplaceAllString(string(a.body), ""), a.header.Get("Retry-After") != "", a.header.Get("Set-Cookie")))
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) || !strings.HasPrefix(got[0], "401") || !strings.HasPrefix(got[11], "429") {
			t.Errorf("%s: %q, but the admin: %q", name, got, first)
		}
	}
	s.node.noPanic()
}

// TestE2E_SecurityThrottleKey tries to get more guesses by saying other things of
// oneself: none of them is what the guesses are counted by.
func TestE2E_SecurityThrottleKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for i, email := range []string{"admin@example.org", "ADMIN@example.org", " admin@example.org", "admin@example.org\t", "Admin@Example.ORG", "admin@example.org\u00a0", "admin@example.org", "admin@example.org", "admin@example.org", "admin@example.org"} {
		ip := fmt.Sprintf("203.0.%d.1", i)
		a := guess(t, s.node.url, email, "a wrong password", "X-Forwarded-For", ip, "X-Real-IP", ip, "True-Client-IP", ip, "CF-Connecting-IP", ip, "Forwarded", "for="+ip, "X-Client-IP", ip,
			"User-Agent", fmt.Sprint("browser ", i), "X-Request-Id", fmt.Sprint(i), "Cookie", fmt.Sprintf("dateline_device=guess-%d.AAAA", i))
		if a.status != http.StatusUnauthorized {
			t.Errorf("guess %d: %d %s", i, a.status, a.body)
		}
	}
	if a := guess(t, s.node.url, "admin@example.org", adminPassword, "X-Forwarded-For", "198.51.100.1", "Cookie", "dateline_device=new.AAAA"); a.status != http.StatusTooManyRequests {
		t.Errorf("the eleventh: %d %s", a.status, a.body)
	}
	device := "dateline_device=" + s.signIn(s.admin).Device
	if a := guess(t, s.node.url, "admin@example.org", adminPassword, "Cookie", device, "Sec-Fetch-Site", "same-origin"); a.status != http.StatusOK {
		t.Errorf("the owner, from a device that was here before: %d %s", a.status, a.body)
	}
	if a := guess(t, s.node.url, "member@example.org", adminPassword, "Cookie", device, "Sec-Fetch-Site", "same-origin"); a.status != http.StatusOK {
		t.Errorf("another account: %d %s", a.status, a.body)
	}
}

const attackersAtOnce = 24

// TestE2E_SecuritySignInFlood guesses from thousands of networks at once: hashes
// take all the cores that they get. A known device still signs in, and posts are
// published meanwhile.
func TestE2E_SecuritySignInFlood(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	proxied := startProcess(t, s.dsn, fast, "--trusted-proxies=127.0.0.1/32")
	boss := &robot{client: newClient(), token: s.signIn(s.admin).Access}
	calm := s.publishing(boss, proxied.url, 200)
	flood, stop := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	statuses := make(chan int, 100_000)
	for i := range attackersAtOnce {
		attackers.Go(func() { attack(flood, proxied.url, i, statuses) })
	}
	for len(statuses) < attackersAtOnce { // all are at it
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("no flood")
		}
	}
	busy := s.publishing(boss, proxied.url, 200)
	device := "dateline_device=" + s.signIn(s.admin).Device
	began := time.Now()
	a := guess(t, proxied.url, "admin@example.org", adminPassword, "Cookie", device, "Sec-Fetch-Site", "same-origin", "X-Forwarded-For", "192.0.2.7")
	took := time.Since(began)
	stop()
	attackers.Wait()
	if a.status != http.StatusOK {
		t.Errorf("a known device: %d %s", a.status, a.body)
	}
	if busy.at(.99) > 2*time.Second {
		t.Errorf("publishing took %s during the flood, %s before", busy, calm)
	}
	t.Logf("%d guesses answered; a known device signed in after %v; publishing %s, before %s", len(statuses), took.Round(time.Millisecond), busy, calm)
	if peak := peakMemory(t, proxied); peak > 400<<20 {
		t.Errorf("the node took %d MB", peak>>20)
	}
	proxied.noPanic()
}

// attack guesses from another network, at another account, fifty times a second.
func attack(ctx context.Context, node string, seed int, statuses chan<- int) {
	r := &robot{client: newClient()}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		body := map[string]any{"email": fmt.Sprintf("user-%d-%d@example.org", seed, i), "password": strings.Repeat("x", 1000)}
		if a, err := r.call(ctx, http.MethodPost, node+"/api/v1/session", body, "X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", seed, i%250)); err == nil {
			statuses <- a.status
		}
	}
}

// publishing measures posts that are published one after the other.
func (s *stage) publishing(r *robot, node string, n int) (all spread) {
	for i := range n {
		began := time.Now()
		if a := s.write(r, node, fmt.Sprint("Post ", i)); a.status != http.StatusCreated {
			s.t.Errorf("publish: %d %s", a.status, a.body)
		}
		all = append(all, time.Since(began))
	}
	return all
}
