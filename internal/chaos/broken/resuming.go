package broken

const (
	subscriber = "internal/stream/subscriber.go"
	serve      = "internal/stream/serve.go"
)

// resuming are mistakes in how a stream finds where to go on.
var resuming = []Mutation{
	{
		Name: "resume-inclusive", What: "a resumed stream begins with the cursor's own event: >= for >",
		Exposes: []string{"G3"}, Needs: []string{Reconnects},
		Edits: []Edit{{serve, `
	leave := c.hub.draining
`, `
	c.sub.backUp()
	leave := c.hub.draining
`}},
	},
	{
		Name: "resume-skip", What: "a resumed stream leaves out the event after the cursor",
		Exposes: []string{"G4"}, Needs: []string{Reconnects},
		Edits: []Edit{{serve, `
	leave := c.hub.draining
`, `
	c.sub.skipOne()
	leave := c.hub.draining
`}},
	},
	{
		Name: "live-before-replay", What: "the newest event is sent before what was missed",
		Exposes: []string{"G3"}, Needs: []string{Late},
		Edits: []Edit{{serve, `
	leave := c.hub.draining
`, `
	if err := c.liveFirst(); err != nil {
		return reasonOf(err)
	}
	leave := c.hub.draining
`}},
	},
	{
		Name: "drop-beyond-ring", What: "what the ring has let go of is not replayed",
		Exposes: []string{"G4"}, Needs: []string{Restart, Late},
		Edits: []Edit{{subscriber, `
	if s.cursor < t.ring.low {
		d.behind = true
`, `
	if broken("drop-beyond-ring") {
		s.cursor = max(s.cursor, t.ring.low)
	}
	if s.cursor < t.ring.low {
		d.behind = true
`}},
	},
	{
		Name: "epoch-ignored", What: "a cursor of another history is believed",
		Exposes: []string{"G4", "G6"}, Needs: []string{Away},
		Edits: []Edit{{subscriber, `case p.Epoch != "" && p.Epoch != t.epoch:`, `case p.Epoch != "" && p.Epoch != t.epoch && !broken("epoch-ignored"):`}},
	},
	{
		Name: "ahead-believed", What: "a cursor beyond the end of the log is believed",
		Exposes: []string{"G4", "G5"}, Needs: []string{Wild},
		Edits: []Edit{{subscriber, `case p.HasAfter && p.After > max(`, `case !broken("ahead-believed") && p.HasAfter && p.After > max(`}},
	},
	{
		Name: "lag-is-ahead", What: "a node that lags does not ask the database before it calls a reader ahead",
		Exposes: []string{"G4"}, Needs: []string{Lag},
		Edits: []Edit{{subscriber, `if t.knows(p) {`, `if broken("lag-is-ahead") || t.knows(p) {`}},
	},
	{
		Name: "pruned-served", What: "a cursor below the log's beginning is served from there",
		Exposes: []string{"G4"}, Needs: []string{Prune, Restart, Late},
		Edits: []Edit{
			{subscriber, `case p.HasAfter && p.After < t.lowSeq:`, `case p.HasAfter && p.After < t.lowSeq && !broken("pruned-served"):`},
			{subscriber, `events = unbroken(events, after)`, `events = whatever(events, after)`},
		},
	},
	{
		Name: "drain-204", What: "a node that leaves tells readers that the blog is over",
		Exposes: []string{"G5"}, Needs: []string{Drain},
		Edits: []Edit{{serve, `
	if h.Draining() {
		h.sendOn(`, `
	if broken("drain-204") && h.Draining() {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if h.Draining() {
		h.sendOn(`}},
	},
}
