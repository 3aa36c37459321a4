package follow

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
	"dateline/internal/stream"
)

// lastIDNames are the query's names for the last event id. Polyfills of EventSource and clients
// of Mercure, which cannot send a header, use them; lastEventID is the spelling of Mercure.
var lastIDNames = []string{"lastEventId", "lastEventID", "last-event-id", "Last-Event-ID"}

// placeNames are all parameters of the query that say where a stream resumes.
var placeNames = append([]string{"after", "epoch", "chain", "ids"}, lastIDNames...)

// cursorPattern is a number or a receipt.
var cursorPattern = regexp.MustCompile(`^([0-9]{1,18})(?:\.([0-9a-f]{16}))?$`)

// position reads where a client wants to resume. Its last event id, from the header that the
// browser sends when it reconnects or from the query, wins over after, which is that of the first
// connect. A request with several different places is invalid: the first one could skip events.
//
// A receipt proves itself. A number belongs to the epoch in the URL, as after does; the chain
// there is that of the event after, and says nothing about another one.
func position(r *http.Request) (stream.Position, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if refused := checkNames(query); refused != nil {
		return stream.Position{}, refused
	}
	// In a query that cannot be parsed, the lost part may be the place.
	p := startingPoint(query, query.Has("after") || err != nil)
	receipts := p.Receipts
	if id := lastID(r.Header, query); id != "" {
		p = newer(p, cursor(id, true))
	}
	p.Receipts = p.Receipts || receipts || query.Get("ids") == "receipt"
	return p, nil
}

// startingPoint is what the URL says: after, and the history it belongs to.
func startingPoint(query url.Values, given bool) stream.Position {
	p := cursor(oneOf(query["after"]), given)
	p.Epoch = oneOf(query["epoch"])
	if chain := liveblog.Chain(oneOf(query["chain"])); chain != "" {
		p.Invalid = p.Invalid || p.Chain != "" && p.Chain != chain
		p.Chain = chain
	}
	return p
}

// newer is the place of a last event id on a stream that was first opened at another place.
func newer(first, id stream.Position) stream.Position {
	if id.Chain != "" {
		return id
	}
	id.Epoch = first.Epoch
	if first.HasAfter && id.HasAfter && first.After == id.After {
		id.Chain = first.Chain
	}
	return id
}

// lastID is the last event id that a request names.
func lastID(header http.Header, query url.Values) string {
	ids := []string{oneOf(header.Values("Last-Event-ID"))}
	for _, name := range lastIDNames {
		ids = append(ids, oneOf(query[name]))
	}
	return oneOf(slices.DeleteFunc(ids, func(id string) bool { return id == "" }))
}

// oneOf is the value that was given, however often. Different values make a list, as RFC 9110
// reads a repeated header, which is no cursor.
func oneOf(values []string) string {
	return strings.Join(slices.Compact(slices.Clone(values)), ", ")
}

func cursor(text string, given bool) (p stream.Position) {
	if !given {
		return p
	}
	found := cursorPattern.FindStringSubmatch(text)
	if p.Invalid = found == nil; p.Invalid {
		return p
	}
	p.After, _ = strconv.ParseInt(found[1], 10, 64) // 18 digits always fit
	p.HasAfter, p.Chain, p.Receipts = true, liveblog.Chain(found[2]), found[2] != ""
	return p
}

// checkNames refuses a parameter that looks like one of placeNames but is spelled another way: to
// ignore it would be a silent hole.
func checkNames(query url.Values) error {
	for name := range query {
		if !slices.Contains(placeNames, name) && slices.ContainsFunc(placeNames, func(known string) bool { return folded(known) == folded(name) }) {
			return &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_parameter",
				Detail: strconv.Quote(name) + " is none of the parameters " + strings.Join(placeNames, ", ")}
		}
	}
	if ids := oneOf(query["ids"]); ids != "" && ids != "receipt" {
		return &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_parameter", Detail: "ids is receipt, or left out for numbers"}
	}
	return nil
}

// folded is what two spellings of a name have in common: its letters.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z':
			return r
		default:
			return -1
		}
	}, name)
}
