package broken

const (
	loops = "internal/stream/loop_linux.go"
	conns = "internal/stream/conn_linux.go"
)

// looping are mistakes of the fast path.
var looping = []Mutation{
	{
		Name: "loop-deaf", What: "a loop hears of the first event of a blog only", Fast: true,
		Exposes: []string{"G5", "G4"}, Needs: []string{Stay},
		Edits: []Edit{{loops, `
		g.dirty.Store(false)`, `
		g.dirty.Store(broken("loop-deaf"))`}},
	},
	{
		Name: "loop-loses-rest", What: "the rest of a frame that a socket took in part is forgotten", Fast: true,
		Exposes: []string{"G3", "G4"}, Needs: []string{Full, Late},
		Edits: []Edit{{conns, `
			c.unsent = b[n:len(b):len(b)]`, `
			if broken("loop-loses-rest") {
				break
			}
			c.unsent = b[n:len(b):len(b)]`}},
	},
	{
		Name: "loop-no-rewind", What: "what a full socket did not take counts as sent", Fast: true,
		Exposes: []string{"G4"}, Needs: []string{Full, Late},
		Edits: []Edit{{conns, `c.sub.advance(b, n)`, `c.sub.advance(b, written(b, n))`}},
	},
	{
		Name: "loop-mixes-places", What: "what was due to one reader is given to another who stands elsewhere", Fast: true,
		Exposes: []string{"G3", "G4"}, Needs: []string{Reconnects, Late},
		Edits: []Edit{{conns, `
	if m.valid && *s == m.sub && changes == m.changes {
`, `
	same := *s
	if broken("loop-mixes-places") {
		same.cursor = m.sub.cursor
	}
	if m.valid && same == m.sub && changes == m.changes {
`}, {loops, `
		l.shared.drop()
`, `
		if !broken("loop-mixes-places") {
			l.shared.drop()
		}
`}},
	},
	{
		Name: "loop-skips-page", What: "a reader behind the ring goes on after the page that it waits for", Fast: true,
		Exposes: []string{"G4"}, Needs: []string{Restart, Late},
		Edits: []Edit{{conns, `
		c.page = p.frames
`, `
		c.page = p.frames
		if broken("loop-skips-page") {
			c.page, c.sub.cursor = nil, p.sub.cursor
		}
`}},
	},
}
