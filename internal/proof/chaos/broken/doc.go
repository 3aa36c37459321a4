// Package broken builds servers that are wrong on purpose, to prove that the
// checker notices. Nothing of it is in the product: each mutation is a textual
// replacement in its source, made with `go build -overlay`, and all are in one
// binary, where the environment's DATELINE_BROKEN names the one that is on.
//
// The same way makes two servers that are not wrong but other: one whose clock is
// off by DATELINE_CLOCK_OFFSET, and one of a version to come, with a migration
// that this one does not know.
package broken
