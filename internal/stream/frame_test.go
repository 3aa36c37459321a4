package stream

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/eventsource/conformance"

	"github.com/google/uuid"
)

func TestServe_BytesOfAStream(t *testing.T) {
	frame, err := frameOf(liveblog.Event{Seq: 7, Type: liveblog.EventPost, Post: &liveblog.Post{Version: 1, Text: "a\nb\r\u2028", Status: liveblog.PostPublished}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want string }{
		"frame": {string(frame.plain), "event: post\nid: 7\ndata: {\"seq\":7,\"text\":\"a\\nb\\r\\u2028\",\"version\":1}\n\n"},
		"data":  {string(frame.Data), "{\"seq\":7,\"text\":\"a\\nb\\r\\u2028\",\"version\":1}"},
		"reset": {string((&Subscriber{}).reset(reset{Reason: "epoch", Epoch: "x", Head: 3, Chain: liveblog.Genesis})), "event: reset\nid: 3\ndata: {\"reason\":\"epoch\",\"epoch\":\"x\",\"head\":3,\"chain\":\"0000000000000000\"}\n\n"},
		"ping":  {string(pingFrame(3)), "event: ping\ndata: {\"head\":3}\n\n"},
		"end":   {string(endFrame(3)), "event: end\ndata: {\"head\":3}\n\n"},
		"views": {string(viewsFrame(liveblog.Counts{Posts: map[uuid.UUID]int64{blogA: 2}, Readers: 1}).plain), "event: views\ndata: {\"posts\":{\"" + blogA.String() + "\":2},\"readers\":1}\n\n"},
		"retry": {string(retryLine(1500)), "retry: 1500\n\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", name, c.got, c.want)
		}
	}
}

// FuzzAppendEvent reads a frame of any text with a parser made from the
// specification: it is one event, which says what was meant.
func FuzzAppendEvent(f *testing.F) {
	f.Add("text\n\r\x00", int64(1))
	for _, text := range conformance.Texts() {
		if len(text.Text) < 1000 { // mutations of more are slow
			f.Add(text.Text, int64(7))
		}
	}
	f.Fuzz(func(t *testing.T, text string, seq int64) {
		seq &= math.MaxInt64 // the log counts from 1
		post := &liveblog.Post{Text: text, Status: liveblog.PostPublished}
		frame, err := frameOf(liveblog.Event{Seq: seq, Type: liveblog.EventPost, Post: post})
		if err != nil {
			t.Fatal(err)
		}
		events, _ := parse(t, frame.plain)
		want := conformance.Message{Name: "post", ID: fmt.Sprint(seq), Data: string(frame.Data)}
		var data struct{ Text string }
		if len(events) != 1 || events[0] != want || json.Unmarshal(frame.Data, &data) != nil || data.Text != string([]rune(text)) {
			t.Errorf("%q is %q", frame.plain, events)
		}
	})
}

// A post that can't be rendered stops its own blog, not the node.
func TestFrame_PanicOfTheRendererIsAnError(t *testing.T) {
	log := newMemoryLog()
	broken := true
	h := startEncodingHub(t, log, roomy, func(ev liveblog.Event) (string, []byte, error) {
		if broken {
			panic("a bug in a template")
		}
		return encodeText(ev)
	})
	topic, err := h.topicOf(t.Context(), blogA)
	if err != nil {
		t.Fatal(err)
	}
	log.publish(1)
	if _, err := topic.history(t.Context(), 0, 0); err == nil || !strings.Contains(err.Error(), "a bug in a template") {
		t.Errorf("got %v", err)
	}
	broken = false
	c := follow(t, h, Position{HasAfter: true})
	c.expect("hello", "0")
	h.Wake(blogA, 1)
	c.expect("post", "1")
}
