package load

import (
	"context"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/eventsource"
	"net/http"
	"sync"
	"time"
)

// heldStreams are the draft's streams that one token has opened, one on each
// node, and that must end once it is revoked.
type heldStreams struct {
	k      *credentials
	token  string
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu    sync.Mutex
	since time.Time // of the revocation; zero before it
}

// openStreams opens a stream on each node, and logs it once it has ended. The
// caller must call end.
func (k *credentials) openStreams(ctx context.Context, token string) *heldStreams {
	ctx, cancel := context.WithCancel(ctx)
	h := &heldStreams{k: k, token: token, cancel: cancel}
	for _, node := range k.nodes {
		h.all.Go(func() { h.hold(ctx, node) })
	}
	return h
}

// revokedAt says when the token's revocation was acknowledged.
func (h *heldStreams) revokedAt(since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = since
}

// end closes the streams that are still open.
func (h *heldStreams) end() {
	h.cancel()
	h.all.Wait()
}

// hold reads a stream to its end. Only one that was open at the revocation
// tells anything.
func (h *heldStreams) hold(ctx context.Context, node *api) {
	sent := time.Now()
	h.k.stream(ctx, node, h.token, func(p *eventsource.Parser) {
		for {
			if _, err := p.Next(); err != nil {
				break
			}
		}
		h.ended(node, sent, time.Now())
	})
}

// ended logs a stream that was open when its token was revoked.
func (h *heldStreams) ended(node *api, sent, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() || at.Before(h.since) {
		return
	}
	h.k.Log.Add(history.Credential{
		At: sent.UnixNano(), Node: node.route.at, Standing: Revoked, Since: h.since.UnixNano(), Does: forStream, Status: http.StatusOK,
		OpenFor: int64(at.Sub(h.since)),
	})
}
