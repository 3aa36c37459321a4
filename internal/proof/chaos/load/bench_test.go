package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/eventsource"
)

// sseEvents are n events as a node sends them, with a text of 300 bytes and the
// markup around it.
func sseEvents(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		data, _ := json.Marshal(map[string]any{
			"id": "0199b2c3-1111-7000-8000-000000000001", "seq": i + 1, "version": 1, "position": i, "status": "published",
			"title": fmt.Sprintf("p1-%d goal corner", i), "html": "<p>" + strings.Repeat("goal for the <b>home</b> side\n", 10) + "</p>\n",
			"published_at": "2026-11-21T11:00:00Z", "zarticle": strings.Repeat(`<time datetime="x">`, 40),
		})
		fmt.Fprintf(&b, "event: post\nid: %d\ndata: %s\n\n", i+1, data)
	}
	return b.Bytes()
}

// BenchmarkReader_Event is all that a reader does with one event but the system call.
func BenchmarkReader_Event(b *testing.B) {
	tracker := NewTracker()
	defer tracker.Publishing("b")()
	r, err := newReader(ReaderConfig{Name: "bench", Blog: "b", Target: Target{Front: "http://127.0.0.1"}, Dir: b.TempDir(), Tracker: tracker})
	if err != nil {
		b.Fatal(err)
	}
	defer r.close()
	events := sseEvents(1000)
	b.SetBytes(int64(len(events) / 1000))
	b.ReportAllocs()
	for n := 0; n < b.N; {
		w := watch(time.Hour, func() {})
		p := eventsource.NewParser(w.listen(bytes.NewReader(events)))
		for ; n < b.N; n++ {
			e, err := p.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			r.heard(e.Name, e.ID, e.Data)
		}
		w.stop()
	}
}
