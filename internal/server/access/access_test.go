package access

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// manyBlogs counts the reads of blogs.
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

// A blog that does not exist is read once a second, and is found as soon as it is created.
func TestBlogs_AbsenceIsKeptForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &manyBlogs{fail: liveblog.Errorf(liveblog.ErrNotFound, "blog_not_found", "none")}
		b := NewBlogs(store, NewReads(0))
		ctx := liveblog.WithAnonymous(t.Context(), true)
		expect := func(what string, asked int, found bool) {
			t.Helper()
			_, err := b.recentBlog(ctx, "new-blog")
			if len(store.asked) != asked || (err == nil) != found {
				t.Errorf("%s: asked %d times, %v", what, len(store.asked), err)
			}
		}
		expect("at first", 1, false)
		expect("again", 1, false)
		time.Sleep(time.Second)
		expect("a second later", 2, false)
		store.fail = nil
		b.Created("new-blog")
		time.Sleep(time.Nanosecond)
		expect("when it was made", 3, true)
	})
}

// A credential that was good a short time ago is known; another one is not.
func TestAuthenticator_RemembersProvenCredentials(t *testing.T) {
	a, err := NewAuthenticator(nil, nil, NewReads(0))
	if err != nil {
		t.Fatal(err)
	}
	a.proven.note(credentialKey("known"), nil)
	for credential, want := range map[string]bool{"known": true, "unknown": false} {
		r := httptest.NewRequest(http.MethodGet, "/b/stream", nil)
		r.Header.Set("Authorization", "Bearer "+credential)
		if a.Proven(r) != want {
			t.Errorf("%s is proven: %t", credential, !want)
		}
	}
}
