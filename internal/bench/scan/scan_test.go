package scan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const sseHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

const sseBody = "retry: 700\n\nevent: hello\nid: 4\ndata: {}\n\n: comment\nevent: post\nid: 5\ndata: {\"title\":\"mono-ns-123\"}\n\n" +
	"event: ping\ndata: {\"head\":5}\n\nid: 6\r\ndata: a\r\ndata: b\r\n\r\nid: 99\n\nevent: reset\nid:7\ndata:x\n\n"

var sseEvents = []Event{{Hello, 4, 0}, {Logged, 5, 123}, {Other, -1, 0}, {Logged, 6, 0}, {Reset, 7, 0}}

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

// inPieces feeds an answer n bytes at a time, as a worker does.
func inPieces(t *testing.T, s *Scanner, answer string, n int) (all []Event) {
	t.Helper()
	var rest []byte
	for len(answer) > 0 {
		piece := answer[:min(n, len(answer))]
		answer = answer[len(piece):]
		data := append(slices.Clone(rest), piece...)
		left, events, err := s.Feed(data, len(rest), nil)
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
			s := New()
			if got := inPieces(t, &s, answer, n); !slices.Equal(got, sseEvents) {
				t.Fatalf("%s, pieces of %d bytes: %v, want %v", name, n, got, sseEvents)
			}
			if s.Retry != 700 || s.Status != 200 || !s.Greeted || s.Over() != (name != "until closed") {
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
		s := New()
		if _, _, err := s.Feed([]byte(answer), 0, nil); err == nil {
			t.Errorf("%.60q is taken for an answer", answer)
		}
	}
}

func TestScanner_AllocatesNothing(t *testing.T) {
	body := []byte(strings.Repeat("event: post\nid: 5\ndata: {\"title\":\"mono-ns-123\"}\n\n", 50))
	events := make([]Event, 0, 50)
	s := New()
	s.Status = 200
	if n := testing.AllocsPerRun(100, func() { _, _, _ = s.Feed(body, 0, events) }); n > 0 {
		t.Errorf("%v allocations for 50 events", n)
	}
}
