package broken

const (
	listener = "internal/postgres/listener.go"
	notifier = "internal/postgres/notifier.go"
	identity = "internal/postgres/identity.go"
	topic    = "internal/stream/topic.go"
	fetch    = "internal/stream/fetch.go"
	hub      = "internal/stream/hub.go"
)

// hearing are mistakes in how nodes learn of events and of other histories.
var hearing = []Mutation{
	{
		Name: "no-poll", What: "nodes rely on notifications alone, and those are lost",
		Exposes: []string{"G5"}, Needs: []string{Nodes, Stay},
		Edits: []Edit{{listener, `
			if err := l.look(ctx); err == nil {
`, `
			if broken("no-poll") {
				continue
			}
			if err := l.look(ctx); err == nil {
`}, {notifier, `
	_, err := n.db.eventPool.Exec(ctx, `, `
	if broken("no-poll") {
		return nil
	}
	_, err := n.db.eventPool.Exec(ctx, `}},
	},
	{
		Name: "listen-late", What: "the heads are read before LISTEN, and not again",
		Exposes: []string{"G5"}, Needs: []string{Nodes, Stay, Listener},
		Edits: []Edit{{listener, `
			if err := l.look(ctx); err == nil {
`, `
			if broken("listen-late") {
				continue
			}
			if err := l.look(ctx); err == nil {
`}, {listener, `
	conn, err := l.connect(ctx)
`, `
	if broken("listen-late") {
		if err := l.look(ctx); err != nil {
			return err
		}
		if len(l.sink.Watched()) > 0 {
			sleep(ctx, 8*time.Second)
		}
	}
	conn, err := l.connect(ctx)
`}, {listener, `
	if err := l.look(ctx); err != nil {
		return err
	}
	l.listening.Store(true)
`, `
	if broken("listen-late") {
		l.listening.Store(true)
		return l.follow(ctx, conn)
	}
	if err := l.look(ctx); err != nil {
		return err
	}
	l.listening.Store(true)
`}},
	},
	{
		Name: "fetch-given-up", What: "after a fetch that failed the blog is never fetched again",
		Exposes: []string{"G5"}, Needs: []string{Nodes, Stay, HalfOpen},
		Edits: []Edit{{fetch, `t.fetching, t.target = false, t.ring.head`, `t.fetching, t.target = broken("fetch-given-up"), t.ring.head`}},
	},
	{
		Name: "stale-heads", What: "a head that is older than what the node knows is taken for a new history",
		Exposes: []string{"G4"}, Needs: []string{Nodes},
		Edits: []Edit{{listener, `
	l.sink.Heads(withMissing(heads, watched))
`, `
	if broken("stale-heads") {
		sleep(ctx, 300*time.Millisecond)
	}
	l.sink.Heads(withMissing(heads, watched))
`}, {hub, `
		if !t.continuedBy(head) {
`, `
		if broken("stale-heads") {
			t.applyHead(head, t.head())
			continue
		}
		if !t.continuedBy(head) {
`}},
	},
	{
		Name: "identity-ignored", What: "a restored database keeps its epochs",
		Exposes: []string{"G4", "G5", "G6"}, Needs: []string{Away},
		Edits: []Edit{{identity, `if err != nil || was == is {`, `if err != nil || was == is || broken("identity-ignored") {`}},
	},
	{
		Name: "log-unwatched", What: "a node that lived through a restore compares no chain",
		Exposes: []string{"G3", "G6"}, Needs: []string{Blind},
		Edits: []Edit{{topic, `
	held := t.ring.chainAt(head.LastSeq)
	return held != "" && head.Chain != "" && held != head.Chain
`, `
	held := t.ring.chainAt(head.LastSeq)
	return held != "" && head.Chain != "" && held != head.Chain && !broken("log-unwatched")
`}, {fetch, `if chain = chain.Next(ev); chain != ev.Chain {`, `if chain = chain.Next(ev); chain != ev.Chain && !broken("log-unwatched") {`}},
	},
	{
		Name: "reset-untold", What: "open streams are not told that history began anew",
		Exposes: []string{"G4", "G5", "G6"}, Needs: []string{Restore},
		Edits: []Edit{{topic, `
	t.generation++
`, `
	if !broken("reset-untold") {
		t.generation++
	}
`}},
	},
}
