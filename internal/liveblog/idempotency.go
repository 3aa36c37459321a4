package liveblog

// IdempotencyKey makes a repeated request harmless: one with the same key and hash receives
// the answer of the first. The zero value means no key.
type IdempotencyKey struct {
	Key  string
	Hash [32]byte // SHA-256 of the request
}
