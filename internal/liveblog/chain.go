package liveblog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Chain names an event together with all that came before it in its log: the
// first 8 bytes of a SHA-256 over the chain before and the event, as 16 lower-case
// hexadecimal digits. Two logs with the same chain at a number are the same up to
// that number. The empty Chain is not known.
type Chain string

// Genesis is the chain before the first event.
const Genesis Chain = "0000000000000000"

// Next is the chain of an event that comes after c. It hashes what the database
// does (migrations/0002_chain.sql): the chain before, the number, the type, the
// post or the zero id, the version and the time in microseconds, numbers as 8 bytes
// with the highest first.
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
