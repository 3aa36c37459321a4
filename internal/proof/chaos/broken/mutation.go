package broken

import "slices"

// What must happen in a run for a mutation to show. Publishers that post, edit
// and remove, and healthy readers, are always there.
const (
	Reconnects = "reconnects" // readers come back with their cursors while posts are published
	Late       = "late"       // readers begin at the log's beginning, more than two seconds after a hundred posts and their edits and removals
	Full       = "full"       // what is due to a reader at once is more than its socket takes
	Stay       = "stay"       // readers stay where they are until the end: one that moves wakes the node it comes to
	Nodes      = "nodes"      // readers and publishers use different nodes
	Lag        = "lag"        // readers come to a node that has heard nothing of the database for a while
	HalfOpen   = "halfopen"   // a node's connections for reading the log hang, its listener's does not
	SlowLink   = "slowlink"   // the links between nodes and database are slow
	Retries    = "retries"    // requests are sent again with the same key while the first is under way
	Kill       = "kill"       // a node is killed while it publishes
	Restart    = "restart"    // a node starts anew under readers
	Drain      = "drain"      // a node is asked to stop while readers come to it
	Crash      = "crash"      // PostgreSQL is killed under load, several times
	Undecided  = "undecided"  // PostgreSQL is killed while a COMMIT is under way
	Standby    = "standby"    // the standby is frozen for more than 5 s, commits that wait for it are cancelled, the primary is killed, the standby promoted
	Answers    = "answers"    // the database's answers are dropped while it commits
	Outage     = "outage"     // the database is away for some seconds
	Listener   = "listener"   // the listeners' connections are ended just before the last posts
	Restore    = "restore"    // an older dump is restored below open streams
	Away       = "away"       // the only node of some readers is down from before the restore until others have taken its numbers
	Prune      = "prune"      // the log is pruned of all but its end
	Wild       = "wild"       // healthy readers begin with cursors beyond the end of the log
	Views      = "views"      // beacons, and readers who are told of counts
	Revoke     = "revoke"     // credentials are revoked, forged and expired
	Drafts     = "drafts"     // streams of drafts whose readers lose their right
	Pages      = "pages"      // looks at pages
	Snapshot   = "snapshot"   // a copy of the data is put back and overtaken under nodes that were stopped, and readers know the chain
	Blind      = "blind"      // the same under nodes that live and do not see it until it is overtaken
	Horizon    = "horizon"    // the log is pruned close to its end, again and again, while readers come back to a node that has just begun
	Flood      = "flood"      // anonymous clients flood pages while posts are corrected and removed
	Reopen     = "reopen"     // a blog is ended and opened again, and readers look again
	Locked     = "locked"     // a node is asked to stop while the table of views is locked
	Samples    = "samples"    // measurements of the nodes before and after
)

// Mutation is one way to be wrong.
type Mutation struct {
	Name    string   // the value of DATELINE_BROKEN
	What    string   // the mistake, in words
	Exposes []string // the guarantees of which at least one must be violated in a run
	Needs   []string // what must happen in that run
	Fast    bool     // the mistake is of the fast path; the others are made on the portable one
	Edits   []Edit
}

// Edit replaces a snippet that the file has exactly once.
type Edit struct {
	File string // from the module's root
	Old  string
	New  string
}

// All are the mutations.
var All = slices.Concat(writing, hearing, delivering, resuming, telling, guarding, looping)

// Find finds a mutation by its name.
func Find(name string) (Mutation, bool) {
	i := slices.IndexFunc(All, func(m Mutation) bool { return m.Name == name })
	if i < 0 {
		return Mutation{}, false
	}
	return All[i], true
}
