// Package history holds the records of a chaos run: the requests of publishers, the
// events that readers received, the faults that were injected, and the rows that the
// database held in the end. The checker knows nothing else.
package history

// Run describes a run. Times in a history are Unix nanoseconds of
// the one machine that all clients run on.
type Run struct {
	Seed     uint64 `json:"seed"`
	Profile  string `json:"profile"`  // short, ci, full, soak, or the name of a broken server
	Versions string `json:"versions"` // of Go, PostgreSQL, nginx and the product
	Nodes    int    `json:"nodes"`
	// Synchronous says that a standby confirmed every commit: then no fail-over
	// may lose what was acknowledged.
	Synchronous bool  `json:"synchronous"`
	Began       int64 `json:"began"`
	// Quiet is when the last fault had ended and publishers stopped; Ended is when
	// the readers stopped.
	Quiet int64 `json:"quiet"`
	Ended int64 `json:"ended"`
}

// Op is what a publisher does to a post.
type Op string

// The operations.
const (
	Create Op = "create"
	Edit   Op = "edit"
	Delete Op = "delete"
)

// Write is one operation of a publisher, from its first attempt to a definite
// answer. An ambiguous answer is never the last: the publisher asks again.
type Write struct {
	Op   Op     `json:"op"`
	Key  string `json:"key,omitempty"` // the idempotency key of a create
	Blog string `json:"blog"`          // slug
	Post string `json:"post,omitempty"`
	Text string `json:"text,omitempty"` // title of the version this makes; unique in the run
	// Status of the definite answer; 0 when the run ended before there was one, so
	// that the operation may have happened or not.
	Status   int   `json:"status"`
	Version  int64 `json:"version,omitempty"` // as answered
	Seq      int64 `json:"seq,omitempty"`     // as answered; 0 when it was found out by reading
	Replayed bool  `json:"replayed,omitempty"`
	Attempts int   `json:"attempts"`
	Slowest  int64 `json:"slowest"` // the longest that one attempt waited for an answer, nanoseconds
	Began    int64 `json:"began"`
	Ended    int64 `json:"ended"`
}

// Acknowledged reports whether the publisher received a success.
func (w Write) Acknowledged() bool { return w.Status >= 200 && w.Status < 300 }

// Kinds of what a reader sees. Events have the names of the stream.
const (
	Open   = "open"   // a stream was asked for, or a series of long polls began; Seq is the cursor sent, -1 for none
	Closed = "closed" // it ended; Why says how
	Hello  = "hello"  // Seq is where it starts from
	Post   = "post"
	Update = "update"
	Remove = "delete"
	Blog   = "blog"
	Views  = "views" // Counts is set
	Reset  = "reset" // Why is the reason, Seq the head to go on from
	End    = "end"
	Bye    = "bye"
	Ping   = "ping"
)

// Why a stream was closed, in Seen.Why.
const (
	ByReader = "reader" // the reader left on purpose
	ByServer = "server" // the server ended the response in good order
	Broken   = "broken" // the connection failed in the middle
	Refused  = "refused"
	Silent   = "silent" // nothing came for longer than the reader waits
)

// Reader is the first line of a reader's log.
type Reader struct {
	Name string `json:"name"`
	Blog string `json:"blog"`
	How  string `json:"how"` // sse, poll, slow
	// Keeps is what the reader has of its place when it comes back; KeepsEpoch when
	// empty.
	Keeps string `json:"keeps,omitempty"`
	// Judged by G5 and G10 only when it is true: a reader that was made to be
	// hostile is not owed its place at the end.
	Healthy bool `json:"healthy"`
}

// What readers keep of their place.
const (
	KeepsChain   = "chain"   // number, epoch and chain of the last event, in a new address each time, as the page's script does
	KeepsEpoch   = "epoch"   // number and epoch, in a new address after a reset
	KeepsNative  = "native"  // an EventSource whose address has the first number and epoch, for ever
	KeepsReceipt = "receipt" // an EventSource that asked for ids that are receipts, and knows nothing else
	KeepsNumber  = "number"  // the bare number of the last event, as curl and EventSource do by themselves
)

// Seen is one line of a reader's log.
type Seen struct {
	At      int64  `json:"t"`
	Kind    string `json:"k"`
	Seq     int64  `json:"s,omitempty"`
	Epoch   string `json:"e,omitempty"` // of hello, reset and open
	Post    string `json:"p,omitempty"`
	Version int64  `json:"v,omitempty"`
	Text    string `json:"x,omitempty"` // the post's title
	Hash    uint64 `json:"h,omitempty"` // FNV-1a of the post's text as HTML; 0 when there is none
	Node    int    `json:"n,omitempty"` // 1 and up; 0 through the balancer
	Why     string `json:"w,omitempty"`
	Chain   uint64 `json:"l,omitempty"` // of an event, as told with it; 0 when it was not

	Counts map[string]int64 `json:"c,omitempty"` // of views, by post
}

// Fault is one injection.
type Fault struct {
	ID     int    `json:"id"`
	Kind   string `json:"kind"` // F1 to F44, as docs/reliability.md lists them
	Name   string `json:"name"` // in words
	Target string `json:"target,omitempty"`
	Began  int64  `json:"began"`
	Ended  int64  `json:"ended"` // when the cause was gone
	// Recovered is when every healthy reader concerned had an event that was
	// committed after Ended, or after Began of a fault that ends at once; 0 when
	// it was not measured.
	Recovered int64  `json:"recovered,omitempty"`
	Allows    Allows `json:"allows,omitzero"`
	Error     string `json:"error,omitempty"` // why it could not be injected
	Detail    string `json:"detail,omitempty"`
}

// Allows is what a fault excuses. Nothing else is excused.
type Allows struct {
	Reset []string `json:"reset,omitempty"` // reasons that readers may be told: epoch, chain, ahead, pruned
	Lost  bool     `json:"lost,omitempty"`  // acknowledged writes, as after an asynchronous fail-over
	Close bool     `json:"close,omitempty"` // healthy streams may be cut
	Views bool     `json:"views,omitempty"` // views that were counted shortly before may be lost
	Down  bool     `json:"down,omitempty"`  // publishing may fail with 503
	// Stale says that a node can't hear of corrections meanwhile, as when it is
	// frozen or cut off from the database: it may tell texts that were replaced.
	Stale bool `json:"stale,omitempty"`
	// Busy says that a node may answer pages with 503 or 429.
	Busy bool `json:"busy,omitempty"`
	// Unnoticed lists what readers keep that can't tell the histories before and
	// after the fault apart. What they held of the one is not compared with the other.
	Unnoticed []string `json:"unnoticed,omitempty"`
}

// Beacon is one report of views and its answer.
type Beacon struct {
	At     int64    `json:"t"` // of the answer
	Node   int      `json:"n"`
	Blog   string   `json:"blog"`
	Posts  []string `json:"posts"`
	Status int      `json:"status"` // 0 without an answer: may count or not
}

// Credential is one use of a credential. Standing says what it was.
type Credential struct {
	At       int64  `json:"t"` // when the request was sent
	Node     int    `json:"n"`
	Standing string `json:"standing"`          // valid, revoked, forged, expired, disabled
	Since    int64  `json:"since,omitempty"`   // when the revocation was acknowledged
	Does     string `json:"does"`              // write or stream
	Status   int    `json:"status"`            // 0 without an answer
	OpenFor  int64  `json:"openfor,omitempty"` // of a stream: how long it stayed open after Since, nanoseconds
}

// Probe is one look at something that must work during a fault.
type Probe struct {
	At     int64  `json:"t"`
	Node   int    `json:"n"`
	What   string `json:"what"` // page
	Status int    `json:"status"`
	Took   int64  `json:"took"`
	Blog   string `json:"blog,omitempty"`
	// Titles are those of the posts that a page shows, when they were looked at.
	Titles []string `json:"titles,omitempty"`
}

// Sample is what a node uses at one time.
type Sample struct {
	At         int64  `json:"t"`
	Node       int    `json:"n"`
	Life       int    `json:"life"`  // counts the starts of the node
	Phase      string `json:"phase"` // baseline, load or after
	Goroutines int64  `json:"goroutines"`
	Files      int64  `json:"files"`
	Resident   int64  `json:"resident"` // bytes
	Heap       int64  `json:"heap"`     // bytes in use
	Streams    int64  `json:"streams"`
}

// Database is what the database held in the end.
type Database struct {
	Blogs  []BlogRow  `json:"blogs"`
	Events []EventRow `json:"events"`
	Posts  []PostRow  `json:"posts"`
	// Revisions are all versions of all posts.
	Revisions []RevisionRow `json:"revisions"`
	Keys      []KeyRow      `json:"keys"`
}

// BlogRow is a blog; events up to Low are pruned.
type BlogRow struct {
	Slug  string `json:"slug"`
	Epoch string `json:"epoch"`
	Head  int64  `json:"head"`
	Low   int64  `json:"low"`
}

// EventRow is an event of the log, ordered by blog and seq.
type EventRow struct {
	Blog    string `json:"blog"`
	Seq     int64  `json:"seq"`
	Type    string `json:"type"`
	Post    string `json:"post,omitempty"`
	Version int64  `json:"version"`
	At      int64  `json:"at"`
	Chain   uint64 `json:"chain,omitempty"`
}

// PostRow is a post as it is.
type PostRow struct {
	Blog    string `json:"blog"`
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Status  string `json:"status"` // published or removed
	Title   string `json:"title"`
	Views   int64  `json:"views"`
}

// RevisionRow is one version of a post.
type RevisionRow struct {
	Post    string `json:"post"`
	Version int64  `json:"version"`
	Title   string `json:"title"`
	Hash    uint64 `json:"hash"` // FNV-1a of the text as HTML
}

// KeyRow is a remembered idempotency key and the post that it made.
type KeyRow struct {
	Key  string `json:"key"`
	Post string `json:"post"`
}
