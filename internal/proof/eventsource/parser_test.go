package eventsource_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"dateline/internal/proof/eventsource"
)

// drain parses to the end. Each event is "id name data".
func drain(t *testing.T, r io.Reader) (got []string) {
	t.Helper()
	for p := eventsource.NewParser(r); ; {
		e, err := p.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s", e.ID, e.Name, e.Data))
	}
}

func TestParser_EveryWayToRead(t *testing.T) {
	t.Parallel()
	const stream = "\uFEFFid: 1\r\nevent: post\r\ndata: a\r\ndata: \u00e9\r\n\r\nid\ndata\n\ndata: lost"
	want := fmt.Sprint([]string{"1 post a\n\u00e9", " message "})
	for name, r := range map[string]io.Reader{
		"at once":         strings.NewReader(stream),
		"byte by byte":    iotest.OneByteReader(strings.NewReader(stream)),
		"halves":          iotest.HalfReader(strings.NewReader(stream)),
		"end beside data": iotest.DataErrReader(strings.NewReader(stream)),
	} {
		if got := fmt.Sprint(drain(t, r)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestParser_TellsAnEventAtItsLineEnd(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r"} {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, "data: a"+end) }() // more never comes
		if e, err := eventsource.NewParser(r).Next(); err != nil || string(e.Data) != "a" {
			t.Errorf("%q: %q, %v", end, e.Data, err)
		}
		r.Close()
	}
}

func TestParser_Retry(t *testing.T) {
	t.Parallel()
	p := eventsource.NewParser(strings.NewReader("data: a\n\nretry: 1500\nretry: 1e3\nretry: -4\nretry:\n\ndata: a\n\nretry: 0\ndata: b\n\nretry: 99999999999999999999\ndata: c\n\n"))
	var got []int
	for e, err := p.Next(); err == nil; e, err = p.Next() {
		got = append(got, e.Retry)
	}
	if fmt.Sprint(got) != "[-1 1500 0 2147483647]" {
		t.Error(got)
	}
}

func TestParser_Limit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stream  string
		tooLong bool
	}{
		"line":         {strings.Repeat("x", 9000) + "\n\n", true},
		"endless line": {strings.Repeat("x", 9000), true},
		"data":         {strings.Repeat("data: 0123456789\n", 200) + "\n", true},
		"many events":  {strings.Repeat("data: 0123456789\n\n", 2000), false},
		"just right":   {"data:" + strings.Repeat("x", 995) + "\n\n", false},
	} {
		p := eventsource.NewParser(strings.NewReader(c.stream))
		p.SetLimit(1000)
		var err error
		for err == nil {
			_, err = p.Next()
		}
		if errors.Is(err, eventsource.ErrTooLong) != c.tooLong {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParser_ReaderBreaks(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	p := eventsource.NewParser(io.MultiReader(strings.NewReader("id: 4\ndata: a\n\nid: 5\ndata: b\n"), iotest.ErrReader(broken)))
	if e, err := p.Next(); err != nil || string(e.Data) != "a" {
		t.Error(e, err)
	}
	if _, err := p.Next(); !errors.Is(err, broken) || p.LastID() != "4" {
		t.Error(err, p.LastID())
	}
}

func TestParser_SetLastID(t *testing.T) {
	t.Parallel()
	p := eventsource.NewParser(strings.NewReader("data: a\n\n"))
	p.SetLastID("7")
	if e, err := p.Next(); err != nil || e.ID != "7" || e.HasID {
		t.Error(e, err)
	}
}

// FuzzParser holds two things for any bytes: how they arrive changes nothing, and
// what is told has the form that the specification gives it.
func FuzzParser(f *testing.F) {
	f.Add("\uFEFFid: 1\r\ndata: a\r\rdata\n\n\xE2\x82:x\n", uint8(3))
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		whole := drain(t, strings.NewReader(stream))
		cut := drain(t, &pieces{stream, int(size)%7 + 1})
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", cut) {
			t.Errorf("whole %q, in pieces %q", whole, cut)
		}
		for _, e := range whole {
			if strings.ContainsRune(e, '\r') || strings.ToValidUTF8(e, "") != e {
				t.Errorf("%q", e)
			}
		}
	})
}

// pieces reads a few bytes at a time.
type pieces struct {
	rest string
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func BenchmarkParser(b *testing.B) {
	event := "event: post\nid: 123456\ndata: " + strings.Repeat("x", 1000) + "\n\n"
	stream := strings.Repeat(event, 1000)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		p := eventsource.NewParser(strings.NewReader(stream))
		for range 1000 {
			if _, err := p.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}
