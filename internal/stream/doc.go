// Package stream carries a blog's events to its readers: the hub, the ring of
// frames per blog, the subscribers, and the writers of server-sent events and
// long polls.
//
// An event becomes a Frame once per node. A subscriber is a cursor into its
// blog's ring, with no queue of its own: whoever writes to a reader asks
// Subscriber.next for what is due and writes it. Subscribing is setting the
// cursor, so nothing can fall between replay and live events.
//
// Goroutines: Hub.Run is the caller's; each topic fetches in one goroutine at a
// time, which Hub.Run waits for at its end. Serve and Poll run on the goroutine
// of their request.
package stream
