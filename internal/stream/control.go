package stream

import "dateline/internal/liveblog"

// Why a client is told to start again.
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

// reset is the data of the event that tells a client to start again.
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

// byeFrame asks a reader to reconnect, to another node if there is one, after a
// random time.
func byeFrame() []byte {
	b := retryLine(milliseconds(redirectDelay()))
	return append(b, jsonEvent(nameBye, noID, bye{Reason: reasonDraining})...)
}

func endFrame(head int64) []byte { return jsonEvent(nameEnd, noID, map[string]int64{"head": head}) }

func pingFrame(head int64) []byte { return jsonEvent(namePing, noID, map[string]int64{"head": head}) }
