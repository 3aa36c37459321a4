// Package bench is the load generator for capacity planning. It opens many streams
// of a blog, publishes at a pace and in bursts, reconnects all readers at once, and
// adds readers that read slowly or not at all. It reports what a server delivers
// and what that costs, next to a floor: a bare loop of writes on the same machine.
//
// Run publishes and evaluates. It starts workers, processes of the same program,
// each with one epoll loop for thousands of readers. Orders and results are JSON
// lines on a worker's standard input and output; a worker ends when its input does.
// All times are those of the machine's monotonic clock: a post's title holds the
// time at which it was sent, which is compared with the time of its arrival.
package bench
