package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// The limiter remembers as many clients as it says and no more, forgets none that
// still counts, and fills its buckets.
func TestRateLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRateLimiter(60) // ten at once
		for i := range 11 {
			if ok := l.take("192.0.2.1"); ok != (i < 10) {
				t.Errorf("request %d: %t", i, ok)
			}
		}
		time.Sleep(burstSeconds*time.Second/2 + time.Millisecond)
		for i := range 6 {
			if ok := l.take("192.0.2.1"); ok != (i < 5) {
				t.Errorf("request %d after half of the time: %t", i, ok)
			}
		}
		for i := range maxBuckets / 2 {
			l.take(fmt.Sprintf("10.1.%d.%d", i>>8, i&255))
		}
		if l.take("192.0.2.1") {
			t.Error("others made the limiter forget a client")
		}
		if !l.take("2001:db8::1") || !l.take("") {
			t.Error("an IPv6 address, or none, was refused")
		}
	})
}

func TestRateLimiter_IsBounded(t *testing.T) {
	l := newRateLimiter(600)
	for i := range 5 * maxBuckets {
		l.take(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	if n := len(l.buckets.young) + len(l.buckets.old); n > 2*maxBuckets {
		t.Errorf("%d buckets are kept", n)
	}
}

// BenchmarkRateLimiter_Full is what a request costs while more addresses ask than
// the limiter remembers, none of whose buckets is full.
func BenchmarkRateLimiter_Full(b *testing.B) {
	l := newRateLimiter(60)
	addresses := make([]string, 4*maxBuckets)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		l.take(addresses[i])
	}
	i := 0
	for b.Loop() {
		l.take(addresses[i%len(addresses)])
		i++
	}
}

// manyBlogs counts what is asked of the store of blogs.
type manyBlogs struct {
	BlogStore
	asked []string
	fail  error
}

func (m *manyBlogs) Blog(_ context.Context, slug string) (*liveblog.Blog, error) {
	m.asked = append(m.asked, slug)
	if m.fail != nil {
		return nil, m.fail
	}
	return &liveblog.Blog{ID: uuid.New(), Slug: slug, Status: liveblog.BlogLive}, nil
}

func ask(s *Server, path, address string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = address + ":1234"
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// limited is the product's pages with limits of one a second for an address,
// ten at once.
func limited(t *testing.T, f *fakePages, change func(*Options)) *Server {
	t.Helper()
	o := Options{Outdated: func(liveblog.Head) bool { return false }, Pages: f, Renderer: newTestRenderer(t), Ready: func(context.Context) error { return nil }}
	change(&o)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The limit of an address comes before everything, on pages too; what is exempt
// is so by its route: a blog may be called as it likes.
func TestLimitAddress_ExemptsByRoute(t *testing.T) {
	f := cupFinal(1)
	f.blog.Slug = "stream"
	s := limited(t, f, func(o *Options) { o.AddressRate = 60 })
	for i := range 11 {
		want := http.StatusOK
		if i == 10 {
			want = http.StatusTooManyRequests
		}
		if w := ask(s, "/b/stream", "192.0.2.1", nil); w.Code != want || want != http.StatusOK && w.Header().Get("Retry-After") == "" {
			t.Errorf("request %d: %d %v", i, w.Code, w.Header())
		}
	}
	for path, want := range map[string]int{
		"/api/v1/blogs/stream": http.StatusTooManyRequests, "/adminX": http.StatusTooManyRequests, "/feedback": http.StatusTooManyRequests,
		"/media/" + testID(1).String() + "/800.jpg": http.StatusTooManyRequests,
		"/livez": http.StatusOK, "/readyz": http.StatusOK, "/robots.txt": http.StatusOK,
	} {
		var header http.Header
		if want == http.StatusTooManyRequests { // and not 401
			header = http.Header{"Authorization": {"Bearer dl_x"}}
		}
		if w := ask(s, path, "192.0.2.1", header); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := ask(s, "/b/stream", "192.0.2.2", nil); w.Code != http.StatusOK {
		t.Errorf("another address: %d", w.Code)
	}
	s.proven.note(credentialKey("known"), nil)
	for credential, want := range map[string]bool{"known": true, "unknown": false} {
		r := httptest.NewRequest(http.MethodGet, "/b/stream", nil)
		r.Header.Set("Authorization", "Bearer "+credential)
		if s.familiar(r) != want {
			t.Errorf("%s is familiar: %t", credential, !want)
		}
	}
}

// A crowd behind one address reads what is kept for nothing; only what is read from
// the database counts, whoever else waits for the same is not refused with it, and
// what is kept is given to who may ask no more.
func TestMayRead_OnlyTheDatabaseCounts(t *testing.T) {
	s := limited(t, cupFinal(3), func(o *Options) { o.AddressReads = 60 })
	for i := range 1000 {
		if w := ask(s, "/b/cup-final", "192.0.2.1", nil); w.Code != http.StatusOK {
			t.Fatalf("reader %d: %d", i, w.Code)
		}
	}
	refused := 0
	for i := range 20 {
		if ask(s, fmt.Sprintf("/b/cup-final?tag=t%d", i), "192.0.2.1", nil).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 9 || refused > 12 {
		t.Errorf("%d of 20 tags were refused", refused)
	}
	if w := ask(s, "/b/cup-final", "192.0.2.1", nil); w.Code != http.StatusOK {
		t.Errorf("what is kept was refused: %d", w.Code)
	}
	if w := ask(s, "/b/cup-final?tag=t30", "192.0.2.2", nil); w.Code != http.StatusOK {
		t.Errorf("another address was refused: %d", w.Code)
	}
}

func TestRecent_OthersAreNotRefusedWithOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newRecent(10, one, ignorant)
		var both sync.WaitGroup
		both.Go(func() {
			_, err := cache.get("a", func() (int, error) { time.Sleep(time.Second); return 0, errReadLimit })
			if !errors.Is(err, liveblog.ErrTooMany) {
				t.Error(err)
			}
		})
		time.Sleep(time.Second / 2)
		if got, err := cache.get("a", func() (int, error) { return 1, nil }); got != 1 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
		both.Wait()
		time.Sleep(recentLife)
		if got, err := cache.get("a", func() (int, error) { return 0, errReadLimit }); got != 1 || err != nil {
			t.Errorf("with a kept page: %d, %v", got, err)
		}
	})
}

// What does not exist is asked for once a second, and is there as soon as it is made.
func TestAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &manyBlogs{fail: liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "none")}
		s := &Server{blogs: store, recentBlogs: newRecentBlogs(), absent: newAbsent()}
		ctx := liveblog.WithAnonymous(t.Context(), true)
		expect := func(what string, asked int, found bool) {
			t.Helper()
			_, err := s.recentBlog(ctx, "new-blog")
			if len(store.asked) != asked || (err == nil) != found {
				t.Errorf("%s: asked %d times, %v", what, len(store.asked), err)
			}
		}
		expect("at first", 1, false)
		expect("again", 1, false)
		time.Sleep(absentLife)
		expect("a second later", 2, false)
		store.fail = nil
		s.absent.appeared("blog new-blog")
		time.Sleep(time.Nanosecond)
		expect("when it was made", 3, true)
		asked := time.Now()
		time.Sleep(time.Nanosecond)
		s.absent.appeared("x")
		s.absent.note("x", asked, liveblog.ErrNotFound)
		if s.absent.find("x") != nil {
			t.Error("an answer from before it was made is kept")
		}
		for i := range 5 * maxAbsent {
			s.absent.note(fmt.Sprint(i), time.Now().Add(time.Second), liveblog.ErrNotFound)
		}
		if n := len(s.absent.errs.young) + len(s.absent.errs.old); n > 2*maxAbsent {
			t.Errorf("%d names are kept", n)
		}
	})
}
