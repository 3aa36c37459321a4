// Package load holds the clients of a chaos run: publishers, readers, beacons, and
// probes of pages and credentials. They record each request and what they received;
// package check judges the records.
//
// Each client has its own random source, seeded with the run's seed and the
// client's name, so that its choices do not depend on other clients.
//
// Every function returns when its context ends and leaves no goroutine behind.
// Publish continues for a short time, until its last requests are answered.
package load
