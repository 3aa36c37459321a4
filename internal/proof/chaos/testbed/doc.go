// Package testbed runs a whole installation for chaos runs: PostgreSQL with a
// synchronous standby, nodes of the real program, nginx with the configuration
// that is shipped, and a netfault.Proxy on every link between them.
//
// Every part can be killed, frozen, stopped and started again at the same address.
// All processes are direct children: Bed.Close ends them, and on Linux the kernel
// does when the harness dies. A Bed runs one goroutine that starts processes and,
// for each process, one that waits for its end; all end with Close.
package testbed
