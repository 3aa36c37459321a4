package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/cache"
)

const (
	// provenLife is how long a credential that was good is asked about before others.
	provenLife = 10 * time.Minute
	// maxProven is how many such credentials one half of the cache holds.
	maxProven = 4096
)

// proven remembers which credentials were good a short time ago. They are checked as often as
// others, but never wait behind a burst of made-up ones.
type proven struct {
	mu   sync.Mutex
	good *cache.Generations[string, struct{}]
}

func newProven() *proven {
	return &proven{good: cache.NewGenerations[string, struct{}](maxProven, provenLife)}
}

func (p *proven) has(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.good.Get(key)
	return known
}

// note keeps the result of a check.
func (p *proven) note(key string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.good.Put(key, struct{}{})
	case errors.Is(err, liveblog.ErrUnauthorized):
		p.good.Forget(key)
	}
}

// principal returns whose a credential is. A credential that was not good a short time ago
// counts as anonymous until the answer is there, at the cost of its address.
func (a *Authenticator) principal(ctx context.Context, credential string) (p *liveblog.Principal, err error) {
	key := credentialKey(credential)
	read := func(ctx context.Context) (*liveblog.Principal, error) { return a.auth.Principal(ctx, credential) }
	if a.proven.has(key) {
		p, err = read(liveblog.WithAnonymous(ctx, false))
	} else {
		p, err = ReadOnce(ctx, a.reads, key, read)
	}
	a.proven.note(key, err)
	return p, err
}

func credentialKey(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return "credential " + string(sum[:])
}

// Proven reports whether the credential of a request was good a short time ago.
func (a *Authenticator) Proven(r *http.Request) bool {
	credential, isBearer, err := bearerOf(r)
	if err == nil && !isBearer {
		var b Browser
		b, err = a.browser(r)
		credential = b.access
	}
	return err == nil && credential != "" && a.proven.has(credentialKey(credential))
}
