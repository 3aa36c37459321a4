package liveblog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Chain is the digest of an event and all events before it in its log: the first 8 bytes of
// a SHA-256 over the previous chain and the event, as 16 lower-case hexadecimal digits.
// Two logs with the same chain at a number are equal up to that number. The empty Chain
// means that it is not known.
type Chain string

// Genesis is the chain before the first event.
const Genesis Chain = "0000000000000000"

// Next returns the chain of an event whose predecessor has the chain c. It hashes what
// event_chain of the database hashes (migrations/0002_chain.sql): the previous chain, the
// number, the type, the id of the post or zeros, the version, and the time in
// microseconds. Numbers are 8 bytes, big-endian.
func (c Chain) Next(ev Event) Chain {
	b, err := hex.DecodeString(string(c))
	if err != nil {
		return ""
	}
	b = binary.BigEndian.AppendUint64(b, uint64(ev.Seq))
	b = append(b, ev.Type...)
	var post [16]byte
	if ev.PostID != nil {
		post = *ev.PostID
	}
	b = append(b, post[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(ev.Version))
	b = binary.BigEndian.AppendUint64(b, uint64(ev.At.UnixMicro()))
	sum := sha256.Sum256(b)
	return Chain(hex.EncodeToString(sum[:8]))
}
