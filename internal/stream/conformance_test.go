package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/eventsource/conformance"

	"github.com/google/uuid"
)

// parse reads a stream with a parser that knows nothing of the writer.
func parse(t testing.TB, stream []byte) (events []conformance.Message, p *eventsource.Parser) {
	t.Helper()
	p = eventsource.NewParser(bytes.NewReader(stream))
	for {
		e, err := p.Next()
		if errors.Is(err, io.EOF) {
			return events, p
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, conformance.Message{Name: e.Name, ID: e.ID, Data: string(e.Data)})
	}
}

// everyFrame is one of each that the hub writes, and posts of all texts.
func everyFrame(t testing.TB) map[string][]byte {
	t.Helper()
	frames := map[string][]byte{
		"reset": (&Subscriber{}).reset(reset{Reason: reasonEpoch, Epoch: "two", Head: 3}), "ping": pingFrame(3), "end": endFrame(3), "bye": byeFrame(),
		"views": viewsFrame(liveblog.Counts{Posts: map[uuid.UUID]int64{blogA: 2}, Readers: 1}).plain, "hello": jsonEvent(nameHello, "3", hello{Epoch: "one", Head: 3, From: 3}),
	}
	for _, text := range conformance.Texts() {
		frame, err := frameOf(liveblog.Event{Seq: 7, Type: liveblog.EventPost, Post: &liveblog.Post{Text: text.Text, Status: liveblog.PostPublished}})
		if err != nil {
			t.Fatal(err)
		}
		frames["post: "+text.Name] = frame.plain
	}
	return frames
}

// Every frame is one event, whatever it is about and whatever stands before it.
func TestConformance_FramesAreSelfContained(t *testing.T) {
	t.Parallel()
	frames := everyFrame(t)
	for name, frame := range frames {
		alone, _ := parse(t, frame)
		if len(alone) != 1 || !strings.HasPrefix(name, alone[0].Name) || !json.Valid([]byte(alone[0].Data)) {
			t.Errorf("%s is %.300q", name, alone)
		}
		for before, other := range frames {
			if len(frame) > 10_000 || len(other) > 10_000 {
				continue
			}
			both, _ := parse(t, slices.Concat(other, frame))
			if len(both) != 2 || both[1].Name != alone[0].Name || both[1].Data != alone[0].Data {
				t.Errorf("%s after %s is %q", name, before, both)
			}
		}
	}
}

// A frame that is cut off, at whatever byte, is no event and moves no cursor.
func TestConformance_CutFramesAreNothing(t *testing.T) {
	t.Parallel()
	for name, frame := range everyFrame(t) {
		step := max(1, len(frame)/500)
		for cut := 0; cut < len(frame); cut += step {
			if events, p := parse(t, frame[:cut]); len(events) != 0 || p.LastID() != "" {
				t.Fatalf("%s, cut at %d of %d, is %.300q with the id %q", name, cut, len(frame), events, p.LastID())
			}
		}
		if events, _ := parse(t, frame[:len(frame)-1]); len(events) != 0 {
			t.Errorf("%s without its last byte is %.300q", name, events)
		}
	}
}

// A whole stream has exactly the events that were meant, and continues where it was cut.
func TestConformance_StreamHasWhatWasMeant(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	for _, text := range conformance.Texts() {
		log.append(liveblog.EventPost, uuid.New(), 1, text.Text)
	}
	log.end()
	h := startHub(t, log, roomy)
	whole := record(t, h, Position{HasAfter: true})
	if whole.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("content type %q", whole.Header().Get("Content-Type"))
	}
	events, p := parse(t, whole.Body.Bytes())
	checkTexts(t, events)
	if ms := p.Retry(); ms < 500 || ms >= 2000 {
		t.Errorf("retry %d", ms)
	}
	for cut := 0; cut < whole.Body.Len(); cut += 1 + whole.Body.Len()/30 {
		seen, p := parse(t, whole.Body.Bytes()[:cut])
		rest, _ := parse(t, record(t, h, resume(t, p.LastID())).Body.Bytes())
		checkTexts(t, append(seen, slices.DeleteFunc(rest, isHello(seen))...))
	}
}

// isHello finds greetings after the first.
func isHello(before []conformance.Message) func(conformance.Message) bool {
	return func(m conformance.Message) bool { return m.Name == nameHello && len(before) > 0 }
}

func resume(t testing.TB, lastID string) Position {
	t.Helper()
	p := Position{HasAfter: true}
	if lastID == "" {
		return p
	}
	if _, err := fmt.Sscan(lastID, &p.After); err != nil {
		t.Fatal(err)
	}
	return p
}

// record is a whole stream of a blog that has ended.
func record(t testing.TB, h *Hub, p Position) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.Serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), Request{BlogID: blogA, Position: p, Address: "192.0.2.1"})
	return w
}

// checkTexts compares events with all texts in their order, between hello and end.
func checkTexts(t testing.TB, events []conformance.Message) {
	t.Helper()
	texts := conformance.Texts()
	if len(events) != len(texts)+3 || events[0].Name != nameHello || events[0].ID != "0" {
		t.Fatalf("%d events for %d texts: %.300q", len(events), len(texts), events)
	}
	for i, text := range texts {
		var data struct{ Text string }
		e := events[i+1]
		err := json.Unmarshal([]byte(e.Data), &data)
		if err != nil || e.Name != "post" || e.ID != fmt.Sprint(i+1) || data.Text != string([]rune(text.Text)) {
			t.Errorf("%s: %v, got %.300q", text.Name, err, e)
		}
	}
	tail := events[len(events)-2:]
	if last := fmt.Sprint(len(texts) + 1); tail[0].Name != "blog" || tail[0].ID != last || tail[1].Name != nameEnd || tail[1].ID != last {
		t.Errorf("the stream ends with %q", tail)
	}
}

// A rejection is no event of the log, and the client keeps its cursor.
func TestConformance_RejectionKeepsTheCursor(t *testing.T) {
	t.Parallel()
	log := newMemoryLog()
	log.breakDown(errAway)
	w := record(t, startHub(t, log, roomy), Position{After: 3, HasAfter: true})
	p := eventsource.NewParser(w.Body)
	p.SetLastID("3")
	said, err := p.Next()
	_, end := p.Next()
	if err != nil || said.Name != nameBye || said.HasID || !errors.Is(end, io.EOF) || p.LastID() != "3" || p.Retry() < milliseconds(outageRetry) || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("%d %q: %v, id %q, retry %d", w.Code, w.Header(), err, p.LastID(), p.Retry())
	}
}
