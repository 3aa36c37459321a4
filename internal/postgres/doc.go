// Package postgres holds every SQL statement of the product: the store of blogs,
// posts, users and pictures, the event log, the migrations, and the notifier and
// listener by which nodes notify each other of new events. SQL is beside the code
// that scans its rows, one file per noun.
//
// A method of a store opens the transaction; an unexported function takes it. Errors wrap
// one of the kinds of liveblog, and say what failed and for which arguments.
//
// Goroutines: the package starts none. Notifier.Run, Listener.Run and Listener.Poll
// each occupy one of their caller and end with its context.
package postgres
