package stream

import (
	"math/rand/v2"
	"net/http"
	"time"

	"dateline/internal/liveblog"
)

// The reasons of a reset.
const (
	reasonEpoch  = "epoch"  // the cursor belongs to another history
	reasonAhead  = "ahead"  // the cursor is beyond the log's end
	reasonPruned = "pruned" // the events after the cursor are no longer kept
	reasonChain  = "chain"  // the event at the cursor is another one in this history

	reasonInvalid = "invalid" // the cursor is no number
)

// Why a stream is rejected, beside the limits, as bye says it and the metrics count it.
const (
	reasonDatabase = "database" // it is away
	reasonStorm    = "storm"    // too many streams begin at once
	reasonDraining = "draining" // also why a stream is closed
)

// reset is the data of the event that makes a client load the page again.
type reset struct {
	Reason string         `json:"reason"`
	Epoch  string         `json:"epoch"`
	Head   int64          `json:"head"`
	Chain  liveblog.Chain `json:"chain"` // of head
}

func (s *Subscriber) reset(r reset) []byte { return jsonEvent(nameReset, s.id(r.Head, r.Chain), r) }

// bye is the data of the event that ends a stream before its blog has ended. Poll is
// where a rejected client gets the same events meanwhile.
type bye struct {
	Reason string `json:"reason"`
	Poll   string `json:"poll,omitempty"`
}

const (
	// busyRetry is the least time after which a rejected reader reconnects; the most
	// is three times that.
	busyRetry = 5 * time.Second
	// outageRetry is the same while the database is away; the most is twice that.
	outageRetry = time.Second
)

// Reject answers a client that can't be served while the database is away; poll is
// where the same events are available meanwhile.
func (h *Hub) Reject(w http.ResponseWriter, poll string) { h.reject(w, reasonDatabase, poll) }

// reject answers a client that must come back later, with the reason and the URL to
// poll meanwhile. The response is a stream, short as it is: EventSource would give up
// for good on any other.
func (h *Hub) reject(w http.ResponseWriter, reason, poll string) {
	writeHead(w, rejectFields)
	body := append(retryLine(milliseconds(h.retryAfter(reason))), jsonEvent(nameBye, noID, bye{Reason: reason, Poll: poll})...)
	_, _ = w.Write(body) // the client may have left
	h.metrics.Closed(reason)
}

// otherNodes is the header by which a proxy says that it tries another node when
// this one answers 503; deploy/nginx.conf sets it.
const otherNodes = "X-Other-Nodes"

// redirect answers a client that connects to a draining node, which a proxy that
// counts connections takes for the least busy one. A proxy with other nodes tries
// one of them at once.
func (h *Hub) redirect(w http.ResponseWriter, r *http.Request, poll string) {
	if r.Header.Get(otherNodes) == "" {
		h.reject(w, reasonDraining, poll)
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	h.metrics.Closed(reasonDraining)
}

// retryAfter is the time after which a rejected client reconnects: when a draining
// node has stopped and others answer; soon where the database is away, which costs
// one query for all clients that ask; otherwise after a while.
func (h *Hub) retryAfter(reason string) time.Duration {
	switch {
	case h.Draining():
		return time.Until(h.drainEnds()) + redirectDelay()
	case reason == reasonDatabase:
		return outageRetry + rand.N(outageRetry)
	}
	return busyRetry + rand.N(2*busyRetry)
}

// redirectDelay is how long a reader that was sent to another node waits.
func redirectDelay() time.Duration { return 200*time.Millisecond + rand.N(1800*time.Millisecond) }

// byeFrame asks a reader to reconnect, to another node if there is one, after a
// random time.
func byeFrame() []byte {
	b := retryLine(milliseconds(redirectDelay()))
	return append(b, jsonEvent(nameBye, noID, bye{Reason: reasonDraining})...)
}

func endFrame(head int64) []byte { return jsonEvent(nameEnd, noID, map[string]int64{"head": head}) }

func pingFrame(head int64) []byte { return jsonEvent(namePing, noID, map[string]int64{"head": head}) }
