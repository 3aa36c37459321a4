package broken

const (
	subscriber = "internal/stream/subscriber.go"
	serve      = "internal/stream/serve.go"
	portable   = "internal/stream/portable.go"
	history    = "internal/stream/history.go"
)

// resuming are mistakes in how a stream finds where to go on.
var resuming = []Mutation{
	{
		Name: "resume-inclusive", What: "a resumed stream begins with the cursor's own event: >= for >",
		Exposes: []string{"G3"}, Needs: []string{Reconnects},
		Edits: []Edit{{portable, `
	draining := c.hub.draining
`, `
	c.sub.backUp()
	draining := c.hub.draining
`}},
	},
	{
		Name: "resume-skip", What: "a resumed stream leaves out the event after the cursor",
		Exposes: []string{"G4"}, Needs: []string{Reconnects},
		Edits: []Edit{{portable, `
	draining := c.hub.draining
`, `
	c.sub.skipOne()
	draining := c.hub.draining
`}},
	},
	{
		Name: "live-before-replay", What: "the newest event is sent before what was missed",
		Exposes: []string{"G3"}, Needs: []string{Late},
		Edits: []Edit{{portable, `
	draining := c.hub.draining
`, `
	if err := c.liveFirst(); err != nil {
		return closeReason(err)
	}
	draining := c.hub.draining
`}},
	},
	{
		Name: "drop-beyond-ring", What: "what the ring has let go of is not replayed",
		Exposes: []string{"G4"}, Needs: []string{Restart, Late},
		Edits: []Edit{{subscriber, `
	if s.cursor < t.ring.low {
		b.behind = true
`, `
	if broken("drop-beyond-ring") {
		s.cursor = max(s.cursor, t.ring.low)
	}
	if s.cursor < t.ring.low {
		b.behind = true
`}},
	},
	{
		Name: "epoch-ignored", What: "a cursor of another history is believed",
		Exposes: []string{"G4", "G6"}, Needs: []string{Away},
		Edits: []Edit{{subscriber, `case p.Epoch != "" && p.Epoch != t.epoch:`, `case p.Epoch != "" && p.Epoch != t.epoch && !broken("epoch-ignored"):`}},
	},
	{
		Name: "chain-ignored", What: "the chain that a reader comes back with is not looked at",
		Exposes: []string{"G3", "G6"}, Needs: []string{Snapshot},
		Edits: []Edit{{subscriber, `
	held := t.ring.chainAt(seq)
	return held != "" && held != chain
`, `
	held := t.ring.chainAt(seq)
	return held != "" && held != chain && !broken("chain-ignored")
`}, {subscriber, `
	expected := *s.expectedChain
`, `
	expected := *s.expectedChain
	if broken("chain-ignored") {
		expected = held
	}
`}, {history, `if s.expectedChain != nil && !p.follows(*s.expectedChain) {`, `if s.expectedChain != nil && !p.follows(*s.expectedChain) && !broken("chain-ignored") {`}},
	},
	{
		Name: "chain-in-ring-only", What: "what is read from the log is not compared with the reader's chain",
		Exposes: []string{"G3", "G6"}, Needs: []string{Snapshot},
		Edits: []Edit{{history, `
	return chain.Next(p.first) == p.first.Chain`, `
	return broken("chain-in-ring-only") || chain.Next(p.first) == p.first.Chain`}},
	},
	{
		Name: "log-torn", What: "events and what they are about are read in two snapshots, and what is missing counts as removed",
		Exposes: []string{"G3", "G11"}, Needs: []string{Horizon},
		Edits: []Edit{
			{eventLog, "batch.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY`)", "batch.Queue(readingLog())"},
			{eventLog, `if ev.Post == nil && ev.Blog == nil {`, `if ev.Post == nil && ev.Blog == nil && !broken("log-torn") {`},
			{render, `return "", nil, errors.New("its post is missing")`, `if broken("log-torn") {
			return liveblog.EventDelete, wire.DeleteEvent{ID: *ev.PostID, Version: ev.Version}, nil
		}
		return "", nil, errors.New("its post is missing")`},
		},
	},
	{
		Name: "ended-for-ever", What: "a blog that ended once is over for all who come, also when it is open again",
		Exposes: []string{"G5"}, Needs: []string{Reopen},
		Edits: []Edit{{serve, `if refused == nil && s.done() {`, `if refused == nil && (s.done() || s.overForEver()) {`}},
	},
	{
		Name: "ahead-believed", What: "a cursor beyond the end of the log is believed",
		Exposes: []string{"G4", "G5"}, Needs: []string{Wild},
		Edits: []Edit{{subscriber, `case p.HasAfter && p.After > max(`, `case !broken("ahead-believed") && p.HasAfter && p.After > max(`}},
	},
	{
		Name: "lag-is-ahead", What: "a node that lags does not ask the database before it calls a reader ahead",
		Exposes: []string{"G4"}, Needs: []string{Lag},
		Edits: []Edit{{subscriber, `if t.covers(p) {`, `if broken("lag-is-ahead") || t.covers(p) {`}},
	},
	{
		Name: "pruned-served", What: "a cursor below the log's beginning is served from there",
		Exposes: []string{"G4"}, Needs: []string{Prune, Restart, Late},
		Edits: []Edit{
			{subscriber, `case p.HasAfter && p.After < t.lowSeq:`, `case p.HasAfter && p.After < t.lowSeq && !broken("pruned-served"):`},
			{history, `events = contiguous(events, after)`, `events = whatever(events, after)`},
		},
	},
	{
		Name: "drain-204", What: "a node that leaves tells readers that the blog is over",
		Exposes: []string{"G5"}, Needs: []string{Drain},
		Edits: []Edit{{serve, `
	case reasonDraining:
		h.redirect(`, `
	case reasonDraining:
		if broken("drain-204") {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.redirect(`}},
	},
}
