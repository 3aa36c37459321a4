// Package check judges a chaos run by what it wrote down, and by nothing else:
// it never talks to the product. It compares what publishers were told, what
// readers saw, which faults were made and what the database held in the end,
// and says for each guarantee how much was compared and what contradicts it.
//
// Everything is strict unless a fault of the run allows it. What was not
// compared is not called good: a run without writes or deliveries fails.
//
// A reader's log is read once, line by line. In memory are the database's rows
// and one reader's state at a time.
package check
