// Package eventsource reads server-sent events as the specification says, WHATWG
// HTML, section 9.2: a Parser for the bytes of a stream, and a Client that
// opens one, reconnects and resumes as a browser's EventSource does.
//
// It is written from the specification and shares nothing with the writer in
// internal/stream, so that the two can judge each other. It forgives nothing
// that browsers do not. It starts no goroutines.
package eventsource
