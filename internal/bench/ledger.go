package bench

// ledger is what one reader has of the log, to tell what it missed, what it got
// twice and what came in the wrong order.
type ledger struct {
	last int64  // the highest number seen; -1 before the first word of the server
	gaps []span // numbers below last that did not come
}

// span is the numbers from..to, both included.
type span struct{ from, to int64 }

// enter notes the next event and counts what is wrong with it.
func (l *ledger) enter(id int64, t *Tally) {
	t.Deliveries++
	switch {
	case id == l.last+1 || l.last < 0:
	case id > l.last:
		l.gaps = append(l.gaps, span{l.last + 1, id - 1})
		t.Missing += uint64(id - l.last - 1)
	case l.fill(id):
		t.Missing--
		t.Reordered++
	default:
		t.Doubled++
	}
	l.last = max(l.last, id)
}

// fill takes a number out of the gaps and reports whether it was in one.
func (l *ledger) fill(id int64) bool {
	for i, g := range l.gaps {
		if id < g.from || id > g.to {
			continue
		}
		l.gaps = append(l.gaps[:i], l.gaps[i+1:]...)
		if g.from < id {
			l.gaps = append(l.gaps, span{g.from, id - 1})
		}
		if id < g.to {
			l.gaps = append(l.gaps, span{id + 1, g.to})
		}
		return true
	}
	return false
}

// Tally is what readers got in one scenario, of one worker or of all.
type Tally struct {
	Deliveries uint64 `json:"deliveries"`
	Missing    uint64 `json:"missing"`
	Doubled    uint64 `json:"doubled"`
	Reordered  uint64 `json:"reordered"`
	Resets     uint64 `json:"resets"`       // that the server sent
	Closed     uint64 `json:"closed"`       // streams that ended or broke
	TurnedAway uint64 `json:"turned_away"`  // answered without a stream, or not at all
	Bytes      uint64 `json:"bytes"`        // of the answers, as received
	Siege      uint64 `json:"siege_closed"` // streams of slow and silent readers that the server closed
}

func (t *Tally) add(other Tally) {
	t.Deliveries += other.Deliveries
	t.Missing += other.Missing
	t.Doubled += other.Doubled
	t.Reordered += other.Reordered
	t.Resets += other.Resets
	t.Closed += other.Closed
	t.TurnedAway += other.TurnedAway
	t.Bytes += other.Bytes
	t.Siege += other.Siege
}

// Sound is whether every reader got every event, once and in order.
func (t *Tally) Sound() bool { return t.Missing+t.Doubled+t.Reordered+t.Resets == 0 }

// message is how one event reached the readers of one node; times in ns of the
// monotonic clock.
type message struct {
	First, Last int64
	Stamp       int64
	Count       int64
}

func (m *message) seen(at, stamp int64) {
	if m.Count == 0 {
		m.First = at
	}
	m.Last, m.Stamp = at, stamp
	m.Count++
}

func (m *message) merge(other message) {
	switch {
	case other.Count == 0:
		return
	case m.Count == 0:
		*m = other
		return
	}
	m.First, m.Last = min(m.First, other.First), max(m.Last, other.Last)
	m.Count += other.Count
}

// orders of the leader to a worker.
const (
	doConnect = "connect"
	doBegin   = "begin"
	doAwait   = "await"
	doDrop    = "drop"
	doStorm   = "storm"
	doReport  = "report"
)

// order is a command to a worker, which answers each with one notice.
type order struct {
	Do string

	// connect
	Nodes   []string // addresses, "127.0.0.1:8080"
	Host    []string // for the head of requests, as many
	Path    string
	Count   int
	First   int   // number of the first reader, for its node and its address
	Sources int   // addresses to connect from, 127.0.0.1 and on; 0 leaves it to the system
	After   int64 // -1 is wherever the server says
	Sip     int   // bytes a second that a slow reader takes; -1 is nothing, 0 all
	Guest   bool  // they leave for good with the next drop, as slow and silent ones do
	Within  int64 // ns until the worker gives up; also of await and storm

	// begin, await, storm
	Messages int   // that will be published; After is the number before the first
	Head     int64 // the number that all must reach
	At       int64 // when the storm breaks, ns of the monotonic clock
}

// notice is a worker's answer.
type notice struct {
	Err      string
	Open     int    // readers whose stream stands
	Behind   [4]int // after await and storm: incomplete readers, by state
	Tally    Tally
	Latency  *Histogram
	Whole    *Histogram // times from the storm's break
	Messages []message  // node by node
	CPU      int64      // ns that the worker has used in all
}
