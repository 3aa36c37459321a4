// Package broken builds servers with deliberate mistakes, to prove that the checker
// detects them. The product contains none of this: each mutation replaces text of
// its source with `go build -overlay`. One binary contains all mutations, and the
// environment variable DATELINE_BROKEN enables one of them.
//
// Two more servers are correct and built the same way: one whose clock differs by
// DATELINE_CLOCK_OFFSET, and one of the next version, with a migration that this
// version does not know.
package broken
