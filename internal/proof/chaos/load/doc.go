// Package load is the clients of a chaos run: publishers, readers, beacons, and
// probes of pages and credentials. They do what they were told and write down
// what they asked for and what they saw; the checker judges.
//
// Each client draws from a random source of its own, made of the run's seed and
// the client's name, so that its choices do not hang on what others do.
//
// Goroutines: every function here returns when its context ends and leaves none
// behind. Publish goes on a little, for the answers that it is owed.
package load
