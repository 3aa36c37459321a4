package conformance

import (
	"fmt"
	"net/http"
)

// Rules of the processing model.
const (
	ruleStatus    = "9.2.3: a status other than 200 fails the connection"
	ruleMIME      = "9.2.3: a content type other than text/event-stream fails the connection"
	ruleParameter = "9.2.3: the essence of the content type decides, parameters do not"
	ruleNetwork   = "9.2.3: a network error reestablishes the connection"
	ruleStreamEnd = "9.2.3: the end of the body reestablishes the connection"
	ruleRedirect  = "9.2.3: redirects are followed, as fetch does"
	ruleLastID    = "9.2.3: a last event id that is not empty is sent in Last-Event-ID"
)

const hello = "data: a\n\n"

func typeCases() (all []Case) {
	for _, kind := range []string{
		"text/event-stream;charset=utf-8", "text/event-stream; charset=UTF-8", "text/event-stream;", "text/event-stream ; a=b",
		"text/event-stream;bogus", "TEXT/Event-Stream",
	} {
		c := parsed("type "+kind, ruleParameter, hello, "", message("a"))
		c.Answers[0].Type = kind
		all = append(all, c)
	}
	for _, kind := range []string{
		"", "text/plain", "text/html", "application/json", "text/x-bogus", "text/event-streams", "text/event stream", "event-stream", "*/*", "application/event-stream",
	} {
		all = append(all, refused(fmt.Sprintf("type %q", kind), ruleMIME, Answer{Status: http.StatusOK, Type: kind, Body: hello}))
	}
	other := parsed("type with another charset", ruleUTF8, "data: \u20ac\n\n", "", message("\u20ac"))
	other.Answers[0].Type = "text/event-stream;charset=windows-1252"
	return append(all, other)
}

func statusCases() (all []Case) {
	for _, status := range []int{201, 202, 203, 204, 205, 210, 299, 300, 305, 400, 401, 403, 404, 405, 409, 410, 418, 429, 451, 500, 501, 502, 503, 504, 599} {
		a := body(hello)
		a.Status = status
		if status == http.StatusNoContent || status == http.StatusResetContent {
			a.Body = ""
		}
		all = append(all, refused(fmt.Sprintf("status %d", status), ruleStatus, a))
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		to := Answer{Status: status, Here: true}
		all = append(all,
			Case{Name: fmt.Sprintf("redirect %d", status), Rule: ruleRedirect, Answers: []Answer{to, body("id: 1\ndata: a\n\n")},
				Events: []Message{{"message", "1", "a"}}, States: []int{connecting, open, connecting, closed}, LastIDs: []string{"", "", "1"}},
			refused(fmt.Sprintf("redirect %d to nowhere", status), ruleRedirect, Answer{Status: status, Type: eventStream, Body: hello}),
			Case{Name: fmt.Sprintf("redirect %d to 404", status), Rule: ruleRedirect, Answers: []Answer{to, {Status: http.StatusNotFound}},
				States: []int{connecting, closed}, LastIDs: []string{"", ""}},
			Case{Name: fmt.Sprintf("redirect %d of a reconnect", status), Rule: ruleLastID, Answers: []Answer{body(fast + "id: 1\ndata: a\n\n"), to, body("data: b\n\n")},
				Events: []Message{{"message", "1", "a"}, {"message", "1", "b"}},
				States: []int{connecting, open, connecting, open, connecting, closed}, LastIDs: []string{"", "1", "1", "1"}})
	}
	return all
}

// fast keeps the waits of long conversations short.
const fast = "retry: 10\n"

var connectionCases = []Case{
	{Name: "end, and again", Rule: ruleStreamEnd, Answers: []Answer{body(fast + hello), body("data: b\n\n"), body("data: c\n\n")},
		Events: []Message{message("a"), message("b"), message("c")},
		States: []int{connecting, open, connecting, open, connecting, open, connecting, closed}, LastIDs: []string{"", "", "", ""}},
	{Name: "ids over reconnects", Rule: ruleLastID, Answers: []Answer{body(fast + "id: 1\ndata: a\n\n"), body("id: 2\ndata: b\n\nid: 3\ndata: cut"), body("data: c\n\n")},
		Events: []Message{{"message", "1", "a"}, {"message", "2", "b"}, {"message", "2", "c"}},
		States: []int{connecting, open, connecting, open, connecting, open, connecting, closed}, LastIDs: []string{"", "1", "2", "2"}},
	{Name: "empty id over reconnects", Rule: ruleLastID, Answers: []Answer{body(fast + "id: 1\ndata: a\n\n"), body("id\n\n"), body(hello)},
		Events: []Message{{"message", "1", "a"}, message("a")},
		States: []int{connecting, open, connecting, open, connecting, open, connecting, closed}, LastIDs: []string{"", "1", "", ""}},
	{Name: "an event does not go on in the next answer", Rule: ruleEnd, Answers: []Answer{body(fast + "data: a\n"), body("\ndata: b\n\n")},
		Events: []Message{message("b")},
		States: []int{connecting, open, connecting, open, connecting, closed}, LastIDs: []string{"", "", ""}},
	{Name: "a byte order mark in each answer", Rule: ruleBOM, Answers: []Answer{body("\uFEFF" + fast + hello), body("\uFEFFdata: b\n\n")},
		Events: []Message{message("a"), message("b")},
		States: []int{connecting, open, connecting, open, connecting, closed}, LastIDs: []string{"", "", ""}},
	{Name: "the connection breaks", Rule: ruleNetwork, Answers: []Answer{{Status: http.StatusOK, Type: eventStream, Body: fast + "id: 1\ndata: a\n\nid: 2\nda", Break: true}, body("data: b\n\n")},
		Events: []Message{{"message", "1", "a"}, {"message", "1", "b"}},
		States: []int{connecting, open, connecting, open, connecting, closed}, LastIDs: []string{"", "1", "1"}},
	{Name: "no answer to a reconnect", Rule: ruleNetwork, Answers: []Answer{body(fast + "id: 1\ndata: a\n\n"), {Break: true}, body("data: b\n\n")},
		Events: []Message{{"message", "1", "a"}, {"message", "1", "b"}},
		States: []int{connecting, open, connecting, connecting, open, connecting, closed}, LastIDs: []string{"", "1", "1", "1"}},
	{Name: "no answer at first", Rule: ruleNetwork, Answers: []Answer{{Break: true}, body(hello)},
		Events: []Message{message("a")},
		States: []int{connecting, connecting, open, connecting, closed}, LastIDs: []string{"", "", ""}},
	{Name: "a refused reconnect", Rule: ruleStatus, Answers: []Answer{body(fast + "id: 1\ndata: a\n\n"), {Status: http.StatusServiceUnavailable, Type: eventStream, Body: hello}},
		Events: []Message{{"message", "1", "a"}},
		States: []int{connecting, open, connecting, closed}, LastIDs: []string{"", "1"}},
	{Name: "a reconnect of another type", Rule: ruleMIME, Answers: []Answer{body(fast + "id: 1\ndata: a\n\n"), {Status: http.StatusOK, Type: "text/html", Body: hello}},
		Events: []Message{{"message", "1", "a"}},
		States: []int{connecting, open, connecting, closed}, LastIDs: []string{"", "1"}},
}
