package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const sseHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

const sseBody = "retry: 700\n\nevent: hello\nid: 4\ndata: {}\n\n: comment\nevent: post\nid: 5\ndata: {\"title\":\"mono-ns-123\"}\n\n" +
	"event: ping\ndata: {\"head\":5}\n\nid: 6\r\ndata: a\r\ndata: b\r\n\r\nid: 99\n\nevent: reset\nid:7\ndata:x\n\n"

var sseEvents = []event{{hello, 4, 0}, {logged, 5, 123}, {other, -1, 0}, {logged, 6, 0}, {reset, 7, 0}}

// chunks is text in the chunked coding, in pieces of n bytes.
func chunks(text string, n int) string {
	var b strings.Builder
	for len(text) > 0 {
		piece := text[:min(n, len(text))]
		text = text[len(piece):]
		fmt.Fprintf(&b, "%X;note=1\r\n%s\r\n", len(piece), piece)
	}
	return b.String() + "0\r\n\r\n"
}

// inPieces feeds an answer n bytes at a time, as a crew does.
func inPieces(t *testing.T, s *scanner, answer string, n int) (all []event) {
	t.Helper()
	var rest []byte
	for len(answer) > 0 {
		piece := answer[:min(n, len(answer))]
		answer = answer[len(piece):]
		data := append(slices.Clone(rest), piece...)
		left, events, err := s.feed(data, len(rest), nil)
		if err != nil {
			t.Fatal(err)
		}
		rest, all = left, append(all, events...)
	}
	return all
}

func TestScanner_SplitAnywhere(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"until closed": sseHead + sseBody,
		"chunked":      strings.Replace(sseHead, "\r\n\r\n", "\r\nTransfer-Encoding: Chunked\r\n\r\n", 1) + chunks(sseBody, 13),
		"with length":  strings.Replace(sseHead, "\r\n\r\n", fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(sseBody)), 1) + sseBody,
	} {
		for n := 1; n <= len(answer); n++ {
			s := newScanner()
			if got := inPieces(t, &s, answer, n); !slices.Equal(got, sseEvents) {
				t.Fatalf("%s, pieces of %d bytes: %v, want %v", name, n, got, sseEvents)
			}
			if s.retry != 700 || s.status != 200 || !s.greeted || s.over() != (name != "until closed") {
				t.Fatalf("%s, pieces of %d bytes: %+v", name, n, s)
			}
		}
	}
}

func TestScanner_Refuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/1.1 two\r\n\r\n",
		strings.Repeat("x", maxHead+1),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
	} {
		s := newScanner()
		if _, _, err := s.feed([]byte(answer), 0, nil); err == nil {
			t.Errorf("%.60q is taken for an answer", answer)
		}
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		ids  []int64
		want Tally
	}{
		{"all", []int64{1, 2, 3, 4}, Tally{Deliveries: 4}},
		{"one lost", []int64{1, 2, 4}, Tally{Deliveries: 3, Missing: 1}},
		{"one twice", []int64{1, 2, 2, 3}, Tally{Deliveries: 4, Doubled: 1}},
		{"one late", []int64{1, 3, 4, 2, 5}, Tally{Deliveries: 5, Reordered: 1}},
		{"late and twice", []int64{1, 5, 3, 3, 4, 2}, Tally{Deliveries: 6, Reordered: 3, Doubled: 1}},
	} {
		var got Tally
		book := ledger{}
		for _, id := range test.ids {
			book.enter(id, &got)
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestScanner_AllocatesNothing(t *testing.T) {
	body := []byte(strings.Repeat("event: post\nid: 5\ndata: {\"title\":\"mono-ns-123\"}\n\n", 50))
	events := make([]event, 0, 50)
	s := newScanner()
	s.status = 200
	if n := testing.AllocsPerRun(100, func() { _, _, _ = s.feed(body, 0, events) }); n > 0 {
		t.Errorf("%v allocations for 50 events", n)
	}
}
