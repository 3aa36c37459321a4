// Package stream sends a blog's events to its readers: the hub, the ring of frames
// per blog, the subscribers, and the writers of server-sent events and long polls.
//
// An event is encoded as a Frame once per node. A subscriber is a cursor into the
// ring of its blog, with no queue of its own: a writer peeks at what is due, writes
// it, and advances the cursor by what was written. A stream begins by setting its
// cursor, so that no event can be lost between replay and live events.
//
// Goroutines: Hub.Run is the caller's. Each topic fetches in one goroutine at a time,
// and pages of the log are read in others; Hub.Run waits for all of them at its end,
// as it does for the loops of the fast path. Serve and Poll run on the goroutine of
// their request.
package stream
