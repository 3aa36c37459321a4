//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// kind is a fault that can be injected into a stage at any time of its act.
// Those that need an act of their own are listed in acts.go.
type kind struct {
	id, name string
	// standIn says what is done instead, where the fault itself can't be made
	// without power over the machine.
	standIn string
	takes   claim
	hold    span
	allows  history.Allows
	// inject makes the fault, holds it for f.Hold, and lifts it, also when ctx
	// ends meanwhile. The detail tells what it chose.
	inject func(ctx context.Context, s *stage, f planned) (detail string, err error)
}

// What a fault excuses. A view counted by a node that dies, or in a flush whose
// COMMIT has no answer, may be lost; never one more. A node that is frozen, or
// cut off from the database, can't hear that a text was corrected.
var (
	allowsNothing  = history.Allows{}
	allowsDown     = history.Allows{Down: true}
	allowsClose    = history.Allows{Close: true}
	allowsNodeDead = history.Allows{Close: true, Views: true}
	allowsFrozen   = history.Allows{Close: true, Stale: true}
	allowsDBGone   = history.Allows{Down: true, Views: true, Stale: true}
	allowsDBBusy   = history.Allows{Down: true, Views: true}
	allowsPruned   = history.Allows{Reset: []string{"pruned"}}
)

func seconds(low, high float64) span {
	return span{time.Duration(low * float64(time.Second)), time.Duration(high * float64(time.Second))}
}

// catalogue lists what the mixed act injects, by the numbers of
// docs/reliability.md.
func catalogue() []kind {
	return slices.Concat(nodeKinds, databaseKinds, linkKinds, rowKinds, clientKinds)
}

var nodeKinds = []kind{
	{id: "F1", name: "node killed in mid-publish, again and again", takes: oneNode, hold: seconds(0.5, 1.5), allows: allowsNodeDead, inject: killOften},
	{id: "F2", name: "node killed with its readers", takes: oneNode, hold: seconds(1, 3), allows: allowsNodeDead, inject: killNode},
	{id: "F3", name: "rolling restart of all nodes", takes: allNodes, hold: seconds(0, 0), allows: allowsClose, inject: rollNodes},
	{id: "F4", name: "node frozen, then continued", takes: oneNode, hold: seconds(2, 6), allows: allowsFrozen, inject: freezeNode},
	{id: "F24", name: "a node's clock is 10 minutes ahead", takes: oneNode, hold: seconds(1, 3), allows: allowsClose, inject: skewClock},
	{id: "F36", name: "the next version beside this one, its migration under load", takes: oneNode | rows, hold: seconds(1, 3), allows: allowsClose, inject: nextVersion},
	{id: "F37", name: "open-file limit reached", takes: oneNode, hold: seconds(1, 2), allows: allowsDown, inject: exhaustFiles},
}

var databaseKinds = []kind{
	{id: "F5", name: "PostgreSQL crashed", takes: primary | rows, hold: seconds(0.3, 2), allows: allowsDBGone, inject: crashDatabase},
	{id: "F6", name: "PostgreSQL restarted, fast or immediate", takes: primary | rows, hold: seconds(0, 0), allows: allowsDBGone, inject: restartDatabase},
	{id: "F7", name: "primary killed, synchronous standby promoted", takes: primary | standby | rows, hold: seconds(0, 0.5), allows: allowsDBGone, inject: failOver},
	{id: "F10", name: "synchronous standby hangs", takes: primary | standby, hold: seconds(1, 6), allows: allowsDown, inject: freezeStandby},
	{
		id: "F23", name: "disk of the write-ahead log full", standIn: "PostgreSQL killed, and kept from starting until space is there",
		takes: primary | rows, hold: seconds(3, 6), allows: allowsDBGone, inject: fullLogDisk,
	},
}

var linkKinds = []kind{
	{id: "F12", name: "listener's connection half-open", takes: oneNode | primary, hold: seconds(2, 6), allows: allowsNothing, inject: halfOpenListener},
	{id: "F15", name: "database link slow: 200 ms, 64 kB/s, small slices", takes: oneNode, hold: seconds(1.5, 4), allows: allowsDBGone, inject: slowLink},
	{id: "F16", name: "database cut off from all nodes", takes: allNodes | primary, hold: seconds(1, 6), allows: allowsDBGone, inject: cutDatabase},
	{id: "F17", name: "answers of the database lost, requests arrive", takes: oneNode, hold: seconds(1, 4), allows: allowsDBGone, inject: loseAnswers},
	{id: "F39", name: "a host of the database URL is a black hole", takes: allNodes | primary | standby, hold: seconds(2, 4), allows: allowsDBGone, inject: blackHoleHost},
	{id: "F42", name: "the answer to COMMIT lost, then the connection", takes: oneNode, hold: seconds(0.5, 1.5), allows: allowsDBGone, inject: loseCommits},
	{id: "F43", name: "database a black hole while views come in", takes: allNodes | primary, hold: seconds(2, 6), allows: allowsDBGone, inject: blackHoleDatabase},
}

var rowKinds = []kind{
	{id: "F11", name: "listeners' connections terminated", takes: primary, hold: seconds(1, 4), allows: allowsNothing, inject: terminateListeners},
	{
		id: "F13", name: "all notifications lost", standIn: "pg_notify of the database replaced by a function that only lets self-tests through",
		takes: primary | rows, hold: seconds(1, 3), allows: allowsNothing, inject: loseBells,
	},
	{id: "F18", name: "pool exhausted by publishers that wait for a lock", takes: primary | rows, hold: seconds(1, 5), allows: allowsDown, inject: exhaustPool},
	{id: "F19", name: "max_connections reached", takes: primary | rows, hold: seconds(1, 3), allows: allowsDBGone, inject: exhaustConnections},
	{id: "F20", name: "a blog's row locked by a stuck transaction", takes: primary | rows, hold: seconds(1, 5), allows: allowsDown, inject: lockBlog},
	{id: "F21", name: "backends terminated, deadlocks provoked", takes: primary | rows, hold: seconds(0.5, 2), allows: allowsDBBusy, inject: breakStatements},
	{
		id: "F22", name: "disk of the tables full", standIn: "a trigger that raises 53100 on every insert, as the server does",
		takes: primary | rows, hold: seconds(1, 4), allows: allowsDown, inject: fullDisk,
	},
	{id: "F33", name: "old events pruned under readers", takes: primary, hold: seconds(0, 0), allows: allowsPruned, inject: pruneEvents},
}

var clientKinds = []kind{
	{id: "F26", name: "slow readers", hold: seconds(1, 3), allows: allowsNothing, inject: slowReaders},
	{id: "F27", name: "readers that never read", hold: seconds(1, 3), allows: allowsNothing, inject: neverReaders},
	{id: "F28", name: "readers gone without a word", hold: seconds(1, 3), allows: allowsNothing, inject: ghostReaders},
	{id: "F29", name: "all streams cut, a storm of reconnects", takes: allNodes | frontDoor, hold: seconds(0, 0), allows: allowsClose, inject: reconnectStorm},
	{id: "F32", name: "nginx repeats a POST to another node as the first dies", takes: oneNode | frontDoor, hold: seconds(0.5, 1), allows: allowsNodeDead, inject: killBehindProxy},
	{id: "F35", name: "cursors that are no cursors", hold: seconds(0, 0), allows: allowsNothing, inject: badCursors},
	{id: "F40", name: "no fault: many publishers on one blog", takes: allNodes | primary | standby | rows, hold: seconds(1, 2), allows: allowsNothing, inject: nothing},
	{id: "F41", name: "posts between a page and its stream", hold: seconds(0.5, 1.5), allows: allowsNothing, inject: trySeam},
}

// title is the name of a kind as the report has it.
func (k kind) title() string {
	if k.standIn == "" {
		return k.name
	}
	return k.name + " (stand-in: " + k.standIn + ")"
}

// chosen narrows the catalogue to a comma-separated list of ids; empty is all.
func chosen(kinds []kind, only string) ([]kind, error) {
	if only == "" {
		return kinds, nil
	}
	var out []kind
	for id := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(kinds, func(k kind) bool { return strings.EqualFold(k.id, strings.TrimSpace(id)) })
		if i < 0 {
			return nil, fmt.Errorf("--only: there is no fault %q in this profile", id)
		}
		out = append(out, kinds[i])
	}
	return out, nil
}

// errNotHere is of a fault that the stage has no part for.
var errNotHere = errors.New("not possible on this stage")

// lifting gives a context for undoing a fault: it outlives the act's.
func lifting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 60*time.Second)
}

func nothing(ctx context.Context, _ *stage, f planned) (string, error) {
	wait.For(ctx, f.Hold)
	return "", nil
}
