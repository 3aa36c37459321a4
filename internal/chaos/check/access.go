package check

import "dateline/internal/chaos/history"

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

// judgeProbes asks whether pages were answered whatever happened to publishing.
func (j *judge) judgeProbes() error {
	return eachLine(j, history.ProbesFile, func(p *history.Probe) {
		j.isolation.compare("looks at a " + p.What)
		if p.Status != 200 && !j.faults.away(p.Node, p.At) {
			j.isolation.violation("node %d answered %d for a %s at %s", p.Node, p.Status, p.What, j.when(p.At))
		}
	})
}
