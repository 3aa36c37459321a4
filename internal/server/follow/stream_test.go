package follow

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/stream"
)

const (
	chainA = liveblog.Chain("9f2c31aa07d4e58b")
	chainB = liveblog.Chain("0123456789abcdef")
)

// place is what position makes of a query and of Last-Event-ID.
func place(t *testing.T, query string, ids ...string) (stream.Position, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil)
	r.Header["Last-Event-Id"] = ids
	p, err := position(r)
	if len(ids) > 1 && r.Header["Last-Event-Id"][1] != ids[1] {
		t.Error("the request was changed")
	}
	return p, err
}

// Where a reader goes on is never a guess: two places that disagree are none.
func TestPosition(t *testing.T) {
	t.Parallel()
	at := func(n int64) stream.Position { return stream.Position{After: n, HasAfter: true} }
	with := func(p stream.Position, epoch string, chain liveblog.Chain) stream.Position {
		p.Epoch, p.Chain = epoch, chain
		return p
	}
	receipt := func(n int64, chain liveblog.Chain) stream.Position {
		return stream.Position{After: n, HasAfter: true, Chain: chain, Receipts: true}
	}
	invalid := stream.Position{Invalid: true}
	for _, test := range []struct {
		query string
		ids   []string
		want  stream.Position
	}{
		{"", nil, stream.Position{}},
		{"after=3", nil, at(3)},
		{"after=3", []string{"5"}, at(5)},
		{"after=3", []string{""}, at(3)},
		{"after=3", []string{"x"}, invalid},
		{"", []string{"5", "5"}, at(5)},
		{"after=5", []string{"5", "6"}, invalid},
		{"after=6", []string{"5", "6", "5"}, invalid},
		{"after=5", []string{"", "5"}, invalid},
		{"", []string{"5, 6"}, invalid},
		{"after=5&after=5", nil, at(5)},
		{"after=5&after=6", nil, invalid},
		{"after=", nil, invalid},
		{"after=5&after=6", []string{"7"}, at(7)},
		{"after=5&%zz", nil, at(5)},
		{"%zz", nil, invalid},

		// Clients that can't send a header name the id in the query.
		{"lastEventId=4", nil, at(4)},
		{"lastEventID=4", nil, at(4)},
		{"last-event-id=4", nil, at(4)},
		{"Last-Event-ID=4", nil, at(4)},
		{"after=3&lastEventId=4", nil, at(4)},
		{"lastEventId=", nil, stream.Position{}},
		{"after=3&lastEventId=", nil, at(3)},
		{"lastEventId=4&Last-Event-ID=4", []string{"4"}, at(4)},
		{"lastEventId=4", []string{"5"}, invalid},
		{"lastEventId=4&last-event-id=5", nil, invalid},
		{"lastEventId=4&lastEventID=5", nil, invalid},
		{"lastEventId=4&lastEventId=5", nil, invalid},
		{"after=3&lastEventId=x", nil, invalid},

		// What the URL says of its history is of after, and of a number that came later.
		{"after=8&epoch=one&chain=9f2c31aa07d4e58b", nil, with(at(8), "one", chainA)},
		{"after=8&epoch=one&chain=9f2c31aa07d4e58b", []string{"8"}, with(at(8), "one", chainA)},
		{"after=8&epoch=one&chain=9f2c31aa07d4e58b", []string{"12"}, with(at(12), "one", "")},
		{"after=8&epoch=one&epoch=two", nil, with(at(8), "one, two", "")},
		{"after=8&chain=x", nil, with(at(8), "", "x")},

		// A receipt is judged by itself.
		{"after=8.9f2c31aa07d4e58b", nil, receipt(8, chainA)},
		{"after=8.9f2c31aa07d4e58b&chain=9f2c31aa07d4e58b", nil, receipt(8, chainA)},
		{"after=8&epoch=one&chain=0123456789abcdef", []string{"12.9f2c31aa07d4e58b"}, receipt(12, chainA)},
		{"epoch=one&lastEventId=12.9f2c31aa07d4e58b", nil, receipt(12, chainA)},
		{"after=8.9f2c31aa07d4e58b", []string{"12"}, stream.Position{After: 12, HasAfter: true, Receipts: true}},
		{"", []string{"12.9F2C31AA07D4E58B"}, invalid},
		{"", []string{"12.9f2c"}, invalid},
		{"", []string{"12."}, invalid},
		{"ids=receipt", nil, stream.Position{Receipts: true}},
		{"ids=receipt&after=3", []string{"5"}, stream.Position{After: 5, HasAfter: true, Receipts: true}},
	} {
		if got, err := place(t, test.query, test.ids...); got != test.want || err != nil {
			t.Errorf("%q, %q: got %+v, %v, want %+v", test.query, test.ids, got, err, test.want)
		}
	}
	if got, err := place(t, "after=8.9f2c31aa07d4e58b&chain="+string(chainB)); !got.Invalid || err != nil {
		t.Errorf("two chains of one event: %+v, %v", got, err)
	}
}

// A name that is meant for a place but written another way is refused: to
// ignore it would leave a gap that no reader notices. Names of others pass.
func TestPosition_NamesThatLookAlike(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lasteventid", "LastEventID", "LastEventId", "last_event_id", "LAST-EVENT-ID", "Last_Event_Id", "After", "AFTER", "_after", "after[]", "Epoch", "Chain", "IDs"} {
		_, err := place(t, "after=3&"+url.QueryEscape(name)+"=4", "5")
		p, ok := errors.AsType[*liveblog.Problem](err)
		if !ok || p.Code != "bad_parameter" || !strings.Contains(p.Detail, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, query := range []string{"_=123", "utm_source=x", "wait=3", "token=1", "before=3", "id=4", "cache=%F0%9F%98%80"} {
		if got, err := place(t, "after=3&"+query); err != nil || got.After != 3 {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
	if _, err := place(t, "ids=number"); err == nil {
		t.Error("ids=number passes")
	}
}
