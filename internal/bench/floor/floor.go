// Package floor is the least that a server of streams can do, to compare others
// with: no limits, no heartbeat, no blogs and no database. Run starts its loops and
// returns when they have ended.
package floor

import "fmt"

// Chunk frames a piece of a body in the chunked coding of HTTP/1.1.
func Chunk(piece []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(piece), piece) }
