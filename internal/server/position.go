package server

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

	"github.com/danielgtaylor/huma/v2"
)

// lastIDNames are the query's names for the last event id: of clients that can't
// send a header, as polyfills of EventSource and clients of Mercure.
var lastIDNames = []string{"lastEventId", "last-event-id", "Last-Event-ID"}

// placeNames are all names of the query that say where a reader goes on.
var placeNames = append([]string{"after", "epoch", "chain", "ids"}, lastIDNames...)

// cursorPattern is a number or a receipt.
var cursorPattern = regexp.MustCompile(`^([0-9]{1,18})(?:\.([0-9a-f]{16}))?$`)

// position reads where a reader wants to go on: its last event id, from the header
// that the browser sends when it reconnects or from the query, wins over after,
// which is of the first connect. Who names several places is not believed any of
// them: the first one could skip events.
//
// A receipt is judged by itself. A number is of the epoch in the URL, as after is;
// the chain there is of the event after, and says nothing of another one.
func position(r *http.Request) (stream.Position, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if refused := checkNames(query); refused != nil {
		return stream.Position{}, refused
	}
	// Of a query that can't be read the part with the place may be what was lost.
	p := startingPoint(query, query.Has("after") || err != nil)
	receipts := p.Receipts
	if id := lastID(r.Header, query); id != "" {
		p = newer(p, cursor(id, true))
	}
	p.Receipts = p.Receipts || receipts || query.Get("ids") == "receipt"
	return p, nil
}

// startingPoint is what the URL says of itself: after, and the history it is of.
func startingPoint(query url.Values, given bool) stream.Position {
	p := cursor(oneOf(query["after"]), given)
	p.Epoch = oneOf(query["epoch"])
	if chain := liveblog.Chain(oneOf(query["chain"])); chain != "" {
		p.Invalid = p.Invalid || p.Chain != "" && p.Chain != chain
		p.Chain = chain
	}
	return p
}

// newer is the place of a last event id on a stream that was first opened at
// another place.
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

// oneOf is the value that was given, however often; different ones make a list,
// as RFC 9110 reads a repeated header, which is no cursor.
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

// checkNames refuses a name that was meant to say where a reader goes on but is
// written another way: passed over, it would be a hole that nobody notices.
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

// Resolve reads the place of a poll as that of a stream.
func (in *pollInput) Resolve(hc huma.Context) []error {
	u := hc.URL()
	r := &http.Request{Header: http.Header{}, URL: &u}
	hc.EachHeader(r.Header.Add)
	in.place, in.refused = position(r)
	in.byHeader = r.Header.Get("Last-Event-ID") != ""
	if in.refused == nil && in.place.Invalid {
		in.refused = &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_cursor",
			Detail: "after, or the last event id, must be one number of up to 18 digits or one receipt"}
	}
	return nil
}
