package broken

const (
	loops = "internal/stream/loop_linux.go"
	seats = "internal/stream/seat_linux.go"
	sends = "internal/stream/send_linux.go"
	share = "internal/stream/share_linux.go"
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
		Edits: []Edit{{sends, `
			r.rest = b[n:len(b):len(b)]`, `
			if broken("loop-loses-rest") {
				break
			}
			r.rest = b[n:len(b):len(b)]`}},
	},
	{
		Name: "loop-no-rewind", What: "what a full socket did not take counts as sent", Fast: true,
		Exposes: []string{"G4"}, Needs: []string{Full, Late},
		Edits: []Edit{{seats, `
		l.rewind(r, before, d, n)
`, `
		if !broken("loop-no-rewind") {
			l.rewind(r, before, d, n)
		}
`}},
	},
	{
		Name: "loop-mixes-places", What: "what was due to one reader is given to another who stands elsewhere", Fast: true,
		Exposes: []string{"G3", "G4"}, Needs: []string{Reconnects, Late},
		Edits: []Edit{{share, `
	if m.kept && *s == m.before && news == m.news {
`, `
	same := *s
	if broken("loop-mixes-places") {
		same.cursor = m.before.cursor
	}
	if m.kept && same == m.before && news == m.news {
`}, {loops, `
		l.share.forget()
`, `
		if !broken("loop-mixes-places") {
			l.share.forget()
		}
`}},
	},
	{
		Name: "loop-skips-page", What: "a reader behind the ring goes on after the page that it waits for", Fast: true,
		Exposes: []string{"G4"}, Needs: []string{Restart, Late},
		Edits: []Edit{{seats, `
		r.page = d.frames
`, `
		r.page = d.frames
		if broken("loop-skips-page") {
			r.page, r.sub.cursor = nil, d.sub.cursor
		}
`}},
	},
}
