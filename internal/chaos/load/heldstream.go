package load

import (
	"context"
	"dateline/internal/chaos/history"
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
	p, status, closeBody := h.k.open(ctx, node, h.token)
	defer closeBody()
	if status != http.StatusOK || !greets(p) {
		return
	}
	for {
		if _, err := p.Next(); err != nil {
			break
		}
	}
	ended := time.Now()
	h.mu.Lock()
	since := h.since
	h.mu.Unlock()
	if since.IsZero() || ended.Before(since) {
		return
	}
	h.log(node, sent, since, ended)
}

func (h *heldStreams) log(node *api, sent, since, ended time.Time) {
	h.k.Log.Add(history.Credential{
		At: sent.UnixNano(), Node: node.route.at, Standing: Revoked, Since: since.UnixNano(), Does: forStream, Status: http.StatusOK,
		OpenFor: int64(ended.Sub(since)),
	})
}
