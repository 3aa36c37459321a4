// Package conformance holds what the specification asks of server-sent events
// (WHATWG HTML, section 9.2) as one table of cases for all clients: what a server
// answers, and what a client makes of it. The cases cover what the folder
// eventsource of the web platform tests covers, but for the JavaScript interface
// itself; they are made from the text of the specification.
package conformance

import "net/http"

// Case is a conversation: answers of a server, and what a client that follows the
// specification makes of them.
type Case struct {
	Name    string
	Rule    string    // of the specification
	Answers []Answer  // to the requests in turn; all later ones get Gone
	Events  []Message // what is dispatched
	States  []int     // readyState at first, and at each open and error
	LastIDs []string  // the Last-Event-ID of each request, the last included; empty: not sent
	Wait    int       // least milliseconds between the first two requests
}

// Message is one dispatched event.
type Message struct {
	Name string
	ID   string
	Data string
}

// Answer is what a server says to one request.
type Answer struct {
	Status int
	Type   string // Content-Type; empty: none
	Here   bool   // redirect to the same URL
	Body   string // may be no UTF-8
	Break  bool   // the connection breaks after the body; without status before any answer

	bytewise bool // the body is sent byte by byte
}

// Gone is the answer that ends a conversation.
var Gone = Answer{Status: http.StatusNoContent}

// The readyStates of an event source.
const (
	connecting = iota
	open
	closed
)

const eventStream = "text/event-stream"

func body(text string) Answer {
	return Answer{Status: http.StatusOK, Type: eventStream, Body: text}
}

// parsed is a stream that ends, after which the client resumes with lastID.
func parsed(name, rule, stream, lastID string, events ...Message) Case {
	return Case{Name: name, Rule: rule, Answers: []Answer{body(stream)}, Events: events,
		States: []int{connecting, open, connecting, closed}, LastIDs: []string{"", lastID}}
}

// refused is an answer that ends the event source for good.
func refused(name, rule string, a Answer) Case {
	return Case{Name: name, Rule: rule, Answers: []Answer{a}, States: []int{connecting, closed}, LastIDs: []string{""}}
}

func message(data string) Message { return Message{"message", "", data} }

// Cases are all cases.
func Cases() []Case {
	var all []Case
	for _, part := range [][]Case{fieldCases, lineCases, encodingCases, idCases, retryCases, endCases} {
		all = append(all, part...)
	}
	return append(append(append(all, typeCases()...), statusCases()...), connectionCases...)
}
