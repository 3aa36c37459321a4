package stream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"dateline/internal/compress"
)

// Shared blocks in any order, behind one connection's own header, are what the
// reader was to get, and each is readable as soon as it is there.
func TestDeflate_BlocksStandAlone(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	var pieces []string
	var blocks [][]byte
	for i := range 20 {
		text := strings.Repeat(fmt.Sprintf("event: post\ndata: %d Ünïcode\n\n", i), random.IntN(4000))
		pieces = append(pieces, text)
		if blocks = append(blocks, deflate(nil, []byte(text))); i%2 == 0 {
			blocks[i] = store([]byte(text))
		}
	}
	for range 50 {
		in, out := io.Pipe()
		turn := make(chan int)
		go func() {
			_, _ = out.Write(gzipHeader)
			for i := range turn {
				_, _ = out.Write(blocks[i])
			}
			_ = out.Close()
		}()
		r, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			i := random.IntN(len(pieces))
			turn <- i
			got := make([]byte, len(pieces[i]))
			if _, err := io.ReadFull(r, got); err != nil || string(got) != pieces[i] {
				t.Fatalf("piece %d: %v", i, err)
			}
		}
		close(turn)
		if rest, err := io.ReadAll(r); len(rest) > 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("the end has %q, %v", rest, err)
		}
	}
}

// A stream that was cut anywhere gives a beginning of it, and nothing false.
func TestDeflate_CutAnywhere(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("event: post\nid: 1\ndata: {}\n\n", 30))
	whole := append(append(append([]byte{}, gzipHeader...), store(text)...), deflate(nil, text)...)
	for cut := len(gzipHeader); cut < len(whole); cut++ {
		r, err := gzip.NewReader(bytes.NewReader(whole[:cut]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err == nil || !bytes.HasPrefix(append(text, text...), got) {
			t.Fatalf("cut at %d: %q, %v", cut, got, err)
		}
	}
}

func TestWantsGzip_FollowsTheHeader(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false,
		"br, zstd": false, "*": false, "gzip;q=x": true, "x-gzip": false,
	} {
		r := &http.Request{Header: http.Header{"Accept-Encoding": {header}}}
		if got := compress.Accepts(r); got != want {
			t.Errorf("%q: %t", header, got)
		}
	}
}

func BenchmarkDeflate(b *testing.B) {
	text := []byte(`event: post` + "\nid: 1\ndata: " + strings.Repeat(`{"html":"<p>What was told</p>"}`, 30) + "\n\n")
	b.ReportAllocs()
	for b.Loop() {
		deflate(nil, text)
	}
}
