package netfault

import "time"

// Conditions are what a link does to the bytes that pass. The zero value passes
// everything at once.
type Conditions struct {
	Up   Way // from the client to the target
	Down Way // from the target to the client
}

// Way is one direction of a link. Its end of stream and its reset travel like
// bytes: they are late, held back or lost with them.
type Way struct {
	Latency time.Duration
	Jitter  time.Duration // up to this much more, drawn anew for each piece; the order stays
	// BytesPerSecond is the bandwidth; 0 is without limit.
	BytesPerSecond int
	// Slice is the most bytes that one write to the receiver has; 0 is without limit.
	Slice int
	// Hold keeps bytes back until it is lifted, as a network does that comes back
	// before anybody has given up.
	Hold bool
	// Swallow loses bytes while the connection stays open. A connection that has
	// lost some is reset when it is lifted: TCP never goes on behind a hole.
	Swallow bool
}

// Partition is a link that nothing passes any more, with all connections open.
var Partition = Conditions{Up: Way{Hold: true}, Down: Way{Hold: true}}

// LostAnswers is a link on which requests arrive and answers do not.
var LostAnswers = Conditions{Down: Way{Swallow: true}}

// chunk is the most that is written at a time, so that the bandwidth is even.
func (w Way) chunk() int {
	n := pieceSize
	if w.BytesPerSecond > 0 {
		n = max(1, min(n, w.BytesPerSecond/50))
	}
	if w.Slice > 0 {
		n = min(n, w.Slice)
	}
	return n
}

// sending is how long n bytes take at the bandwidth.
func (w Way) sending(n int) time.Duration {
	if w.BytesPerSecond <= 0 {
		return 0
	}
	return time.Duration(n) * time.Second / time.Duration(w.BytesPerSecond)
}

// delay is the latency of a piece whose luck is between 0 and 1.
func (w Way) delay(luck float64) time.Duration {
	return w.Latency + time.Duration(luck*float64(w.Jitter))
}
