package broken

const poll = "internal/stream/poll.go"

// delivering are mistakes in how events are written to readers.
var delivering = []Mutation{
	{
		Name: "drop-when-slow", What: "of a burst a reader gets the last events only",
		Exposes: []string{"G4"}, Needs: []string{Late},
		Edits: []Edit{{subscriber, `range pending {`, `range s.newest(pending) {`}},
	},
	{
		Name: "reordered-batch", What: "the first two events of a burst change places",
		Exposes: []string{"G3"}, Needs: []string{Late},
		Edits: []Edit{{subscriber, `
		b.newest = f.at
`, `
		if n := len(b.buffers); broken("reordered-batch") && b.events == 1 {
			b.buffers[n-1], b.buffers[n-2] = b.buffers[n-2], b.buffers[n-1]
		}
		b.newest = f.at
`}},
	},
	{
		Name: "poll-jumps", What: "a long poll goes on from the head, not from its last event",
		Exposes: []string{"G4"}, Needs: []string{Late},
		Edits: []Edit{{poll, `
		b.Next = f.Seq
`, `
		b.Next = f.Seq
		if broken("poll-jumps") {
			b.Next = t.ring.head
		}
`}},
	},
	{
		Name: "stream-leak", What: "every stream leaves a goroutine",
		Exposes: []string{"G7"}, Needs: []string{Samples, Reconnects},
		Edits: []Edit{{serve, `
	c := newPortableConn(`, `
	if broken("stream-leak") {
		go func() { select {} }()
	}
	c := newPortableConn(`}},
	},
	{
		Name: "outage-closes", What: "streams end when the database is away",
		Exposes: []string{"G10"}, Needs: []string{Outage},
		Edits: []Edit{{listener, `
			if err := l.look(ctx); err == nil {
`, `
			err := l.look(ctx)
			liveblog.Outage.Store(err != nil)
			if err == nil {
`}, {serve, `c.run(r.Context(), first)`, `c.run(whileDatabase(r.Context()), first)`}},
	},
}
