// Package check judges a chaos run by its recorded history alone; it sends nothing
// to the product. It compares the answers that publishers received, the events that
// readers received, the faults that were injected and the rows that the database
// held in the end. For each guarantee it reports how much was compared and what
// contradicts it.
//
// Every deviation is a violation unless a fault of the run allows it. A guarantee
// for which nothing was compared does not hold: a run without writes or deliveries
// fails.
//
// A reader's log is read once, line by line. Memory holds the database's rows and
// the state of one reader at a time.
package check
