package check

import (
	"net/http"
	"slices"

	"dateline/internal/proof/chaos/history"
)

// judgeCredentials asks whether what is not valid was let in.
func (j *judge) judgeCredentials() error {
	return eachLine(j, history.CredentialsFile, func(c *history.Credential) {
		good := c.Status >= 200 && c.Status < 300
		switch c.Standing {
		case "valid":
			j.closed.count("uses of valid ones", 1)
		case "forged", "expired":
			j.closed.compare(c.Standing)
			if good {
				j.closed.violation("node %d answered %d to a %s credential at %s", c.Node, c.Status, c.Standing, j.when(c.At))
			}
		default:
			j.closed.compare(c.Standing)
			j.judgeRevoked(c, good)
		}
	})
}

// judgeRevoked passes over revocations that a restored backup does not know of.
func (j *judge) judgeRevoked(c *history.Credential, good bool) {
	if j.faults.allow(c.Since, c.Since, func(f *history.Fault) bool { return f.Allows.Lost }) {
		return
	}
	if good && c.At > c.Since+revokedWithin {
		j.closed.violation("node %d answered %d to a credential at %s that was %s at %s", c.Node, c.Status, j.when(c.At), c.Standing, j.when(c.Since))
	}
	if c.OpenFor > revokedWithin && !j.faults.frozen(c.Node, c.Since, c.Since+c.OpenFor) {
		j.closed.violation("node %d kept a stream open for %d ms after its credential was %s at %s",
			c.Node, c.OpenFor/1e6, c.Standing, j.when(c.Since))
	}
}

// judgeProbes asks whether pages were answered whatever happened to publishing,
// and what they showed.
func (j *judge) judgeProbes() error {
	return eachLine(j, history.ProbesFile, func(p *history.Probe) {
		j.isolation.compare("looks at a " + p.What)
		if p.Status != 200 && !j.faults.away(p.Node, p.At) && !j.faults.turnedAway(p) && !j.withheld(p) {
			j.isolation.violation("node %d answered %d for a %s at %s", p.Node, p.Status, p.What, j.when(p.At))
		}
		if p.Status == 200 {
			j.shown[pageOf(p)] = p.At - p.Took
		}
		for _, title := range p.Titles {
			j.judgeShown(p, title)
		}
	})
}

// shownPage is a page as one node shows it.
type shownPage struct {
	node       int
	what, blog string
}

func pageOf(p *history.Probe) shownPage { return shownPage{p.Node, p.What, p.Blog} }

// withheld reports whether a node without its database answered 503 because it has
// no page that it may show: it never showed the page, something of the blog was
// removed or corrected since it did, or the whole history may be a lost one. The
// balancer, node 0, passes on the answer of any node.
func (j *judge) withheld(p *history.Probe) bool {
	if p.Status != http.StatusServiceUnavailable || !j.faults.cutOff(p.At) {
		return false
	}
	nodes := []int{p.Node}
	if p.Node == 0 {
		nodes = nodes[:0]
		for n := range j.run.Nodes {
			nodes = append(nodes, n+1)
		}
	}
	if !j.faults.replaces(p.At) && !slices.ContainsFunc(nodes, func(n int) bool { return j.outdated(n, p) }) {
		return false
	}
	j.isolation.count("pages withheld that may hold what was taken back", 1)
	return true
}

// outdated reports whether a node has no page of before a probe that is known to
// hold nothing that was removed or corrected.
func (j *judge) outdated(node int, p *history.Probe) bool {
	last, known := j.shown[shownPage{node, p.What, p.Blog}]
	return !known || j.truth.tookBack(p.Blog, last-redactedWithin, p.At)
}

// judgeShown asks whether a page may still show a text, by when it was asked for.
func (j *judge) judgeShown(p *history.Probe, title string) {
	asked := p.At - p.Took
	replaced, known := j.truth.replaced(title)
	j.redaction.compare("texts on pages")
	switch {
	case !known && !j.faults.takenBack(asked):
		j.phantom.violation("node %d showed %q on a %s of blog %s at %s, which is not in the database", p.Node, title, p.What, p.Blog, j.when(asked))
	case asked > replaced+redactedWithin && asked > j.faults.redacted(replaced):
		j.redaction.violation("node %d showed %q on a %s of blog %s at %s, replaced at %s", p.Node, title, p.What, p.Blog, j.when(asked), j.when(replaced))
	}
}
