// Package localpg runs a private PostgreSQL cluster in a data directory, so that the product
// starts on a machine without a database. It is for evaluation and tests; production has
// a PostgreSQL of its own.
//
// The server programs are those of the machine, otherwise those of a pinned npm package.
// The server listens on a unix socket in a private directory, requires a random
// password, and never runs as root. The package never deletes data.
//
// Several processes may share a data directory. The one that holds its lock runs the
// server as a direct child; the others use the server, and one of them takes over when
// that process ends. Start starts one goroutine, which ends with Close.
package localpg
