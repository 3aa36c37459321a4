package liveblog

// IdempotencyKey makes a repeated request harmless: the same key and hash get
// the answer of the first. The zero value is no key.
type IdempotencyKey struct {
	Key  string
	Hash [32]byte // SHA-256 of what was asked
}
