// Package postgres holds every SQL statement of the product: the store of
// blogs, posts, people and pictures, the event log, the migrations, and the
// LISTEN/NOTIFY pair that tells nodes to look at the log. SQL stands beside the
// code that scans its rows, one file per noun.
//
// Goroutines: Bell.Run and Listener.Run each own one; their contexts end them.
package postgres
