package follow

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/access"
)

// forgetful is a store of one draft that was live when its reader came, and that is
// away at first.
type forgetful struct {
	access.BlogStore
	away atomic.Bool
}

func (f *forgetful) Blog(context.Context, string) (*liveblog.Blog, error) {
	if f.away.Load() {
		return nil, liveblog.ErrUnavailable
	}
	return &liveblog.Blog{Slug: "cup", Status: liveblog.BlogDraft}, nil
}

// A stream that its reader may not read any more ends within 5 s, even when the
// database was away at the moment of the first question.
func TestStream_OfAGuardedBlogEndsDespiteAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &forgetful{}
		store.away.Store(true)
		s := newWatch(t, store)
		began := time.Now()
		allowed, stop := s.whileAllowed(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), "cup")
		defer stop()
		time.AfterFunc(recheck+time.Second, func() { store.away.Store(false) })
		<-allowed.Done()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the stream ends after %s", took)
		}
	})
}

// A long poll of a draft ends as soon as a stream of it would notice that its
// reader may see it no longer.
func TestPollTimeout_EndsAPollOfADraftEarly(t *testing.T) {
	t.Parallel()
	for status, want := range map[liveblog.BlogStatus]time.Duration{
		liveblog.BlogDraft: recheck, liveblog.BlogLive: 20 * time.Second, liveblog.BlogEnded: 20 * time.Second,
	} {
		if got := pollTimeout(&liveblog.Blog{Status: status}, 20*time.Second); got != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
	}
}

// A client that cannot be identified, since the database stays away, may not read on either.
func TestStream_OfAGuardedBlogEndsWhenNobodyCanTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &forgetful{}
		store.away.Store(true)
		began := time.Now()
		allowed, stop := newWatch(t, store).whileAllowed(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), "cup")
		defer stop()
		<-allowed.Done()
		if took := time.Since(began); took != unsure {
			t.Errorf("the stream ends after %s", took)
		}
	})
}

// A panic in the check of a draft's client ends the stream, not the node.
func TestStream_PanicWhileWatchingEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWatch(t, nil) // its Authenticator has no service
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer x")
		allowed, stop := s.whileAllowed(r, "cup-final")
		<-allowed.Done()
		stop()
	})
}

func newWatch(t *testing.T, store access.BlogStore) watch {
	t.Helper()
	reads := access.NewReads(0)
	who, err := access.NewAuthenticator(nil, nil, reads)
	if err != nil {
		t.Fatal(err)
	}
	return watch{who, access.NewBlogs(store, reads)}
}
