// Package eventsource reads server-sent events as WHATWG HTML, section 9.2,
// specifies: a Parser for the bytes of a stream, and a Client that opens a stream,
// reconnects and resumes as a browser's EventSource does.
//
// It is written from the specification and shares no code with the writer in
// internal/stream, so that each tests the other. It accepts nothing that browsers
// reject. It starts no goroutines.
package eventsource
