// Package localpg runs a private PostgreSQL cluster for one data directory, so
// that the product starts on a machine where nobody has set up a database. It is
// for evaluation and for tests; production brings its own PostgreSQL.
//
// The server programs are those of the machine, else those of a pinned npm
// package. The server listens on a unix socket in a private directory, asks for
// a random password, and never runs as root. Data is never deleted.
//
// Several processes may share one data directory: the one that holds its lock
// runs the server as a direct child, the others use it and take over when that
// process ends. Start starts one goroutine; it ends with Close.
package localpg
