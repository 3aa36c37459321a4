package liveblog

// Actor is the principal that makes a change, and the request by which: the audit log
// records both.
type Actor struct {
	Principal *Principal
	RequestID string
	Address   string // of the client
}

// Key names the principal; without one, it is "system".
func (a Actor) Key() string {
	if a.Principal == nil {
		return "system"
	}
	return a.Principal.Key()
}
