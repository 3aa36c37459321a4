package liveblog

// Actor is who makes a change, and by which request: what the audit log keeps.
type Actor struct {
	Principal *Principal
	RequestID string
	Address   string // of the client
}

// Key names the principal; a program acting without one is "system".
func (a Actor) Key() string {
	if a.Principal == nil {
		return "system"
	}
	return a.Principal.Key()
}
