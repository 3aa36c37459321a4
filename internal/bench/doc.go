// Package bench is the load generator of operators who plan capacity: many
// readers of a blog's stream, paced and sudden posts, storms of reconnects, and
// readers who take little or nothing. It says what a server delivers and what
// that costs, next to a floor: a bare loop of writes on the same machine.
//
// Run, the leader, publishes and reckons. It starts crews: processes of the same
// program, each with one epoll loop that plays thousands of readers. Leader and
// crews speak JSON lines over the crew's standard input and output; a crew ends
// when its input does. All clocks are the machine's monotonic clock, so that the
// moment a post was sent, which is part of its title, can be compared with the
// moment a reader got it.
package bench
