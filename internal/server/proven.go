package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
	"time"

	"dateline/internal/liveblog"
)

const (
	// provenLife is how long a credential that was good is asked about before others.
	provenLife = 10 * time.Minute
	// maxProven bounds how many are remembered, twice over.
	maxProven = 4096
)

// proven remembers which credentials were good a short time ago. They are asked
// about as often as others, but not behind a crowd of made-up ones.
type proven struct {
	mu   sync.Mutex
	good *generations[string, struct{}]
}

func newProven() *proven {
	return &proven{good: newGenerations[string, struct{}](maxProven, provenLife)}
}

func (p *proven) has(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.good.get(key)
	return known
}

func (p *proven) note(key string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.good.put(key, struct{}{})
	case errors.Is(err, liveblog.ErrUnauthorized):
		p.good.forget(key)
	}
}

// whose asks whose a credential is. One that is not known to have been good is a
// stranger's until the answer is there, which a made-up one pays for.
func (s *Server) whose(ctx context.Context, credential string) (*liveblog.Principal, error) {
	key := credentialKey(credential)
	ask := func(ctx context.Context) (*liveblog.Principal, error) { return s.auth.Principal(ctx, credential) }
	var p *liveblog.Principal
	var err error
	if s.proven.has(key) {
		p, err = ask(liveblog.WithAnonymous(ctx, false))
	} else {
		p, err = forAnonymous(ctx, s, key, ask)
	}
	s.proven.note(key, err)
	return p, err
}

func credentialKey(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return "credential " + string(sum[:])
}

// familiar reports whether the credential of a request was good a short time ago.
func (s *Server) familiar(r *http.Request) bool {
	credential, isBearer, err := bearerOf(r)
	if err == nil && !isBearer {
		var b browser
		b, err = s.readBrowser(r)
		credential = b.access
	}
	return err == nil && credential != "" && s.proven.has(credentialKey(credential))
}
