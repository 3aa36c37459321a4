package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/eventsource/conformance"
)

// Readers are counted by what they can't change at will: all addresses of one
// /64 are one, and the forms of one address are one.
func FuzzPrefix(f *testing.F) {
	for _, address := range []string{"203.0.113.9", "::ffff:203.0.113.9", "2001:db8:1:2:3:4:5:6", "fe80::1%eth0", "::", "0.0.0.0", "x", "", "1.2.3.4.5", "010.0.0.1", "203.0.113.9:80", "[::1]"} {
		f.Add(address, []byte("12345678"))
	}
	f.Fuzz(func(t *testing.T, address string, low []byte) {
		p := Prefix(address)
		a, err := netip.ParseAddr(address)
		if (err == nil) != p.IsValid() {
			t.Fatalf("%q counts as %v", address, p)
		}
		if err != nil {
			return
		}
		if a = a.Unmap().WithZone(""); !p.Contains(a) || Prefix(p.Addr().String()) != p || p.Masked() != p {
			t.Errorf("%q counts as %v", address, p)
		}
		if a.Is4() && (p.Bits() != 32 || Prefix("::ffff:"+a.String()) != p) {
			t.Errorf("%q counts as %v", address, p)
		}
		neighbour := a.As16()
		copy(neighbour[8:], low)
		if a.Is6() && (p.Bits() != 64 || !a.Is4In6() && Prefix(netip.AddrFrom16(neighbour).StringExpanded()+"%zone") != p && !netip.AddrFrom16(neighbour).Is4In6()) {
			t.Errorf("%q counts as %v, its neighbour as another", address, p)
		}
	})
}

// keptLog is a log of so many events of which the first are pruned.
func keptLog(low, head int64) *memoryLog {
	log := newMemoryLog()
	log.publish(int(head))
	log.events, log.head.LowSeq = log.events[low:], low
	return log
}

// A reader resumes exactly where it asked to, with all that came after, or gets the
// reason why it can't.
func FuzzResume(f *testing.F) {
	const low, ring, head = 5, 12, 20
	log := keptLog(low, ring)
	h := startHub(f, log, roomy)
	if _, err := h.Poll(f.Context(), Request{BlogID: blogA}, 0, 1); err != nil {
		f.Fatal(err)
	}
	log.publish(head - ring) // these come into the ring, those before are in the log
	h.Wake(blogA, head)
	if b, err := h.Poll(f.Context(), Request{BlogID: blogA, Position: Position{After: ring, HasAfter: true}}, time.Minute, head); err != nil || b.Next != head {
		f.Fatal(b, err)
	}
	for _, after := range []int64{-1, 0, 4, 5, 6, 11, 12, 13, 19, 20, 21, 1 << 60} {
		f.Add(after, true, false, "", uint8(100))
		f.Add(after, true, false, "one", uint8(3))
		f.Add(after, after%2 == 0, after%3 == 0, "two", uint8(0))
	}
	f.Fuzz(func(t *testing.T, after int64, has, invalid bool, epoch string, limit uint8) {
		if has = has && !invalid; !has || after < 0 {
			after = 0 // as the parser of positions has it
		}
		p := Position{After: after, HasAfter: has, Invalid: invalid, Epoch: epoch}
		b, err := h.Poll(t.Context(), Request{BlogID: blogA, Position: p}, 0, int(limit))
		if err != nil {
			t.Fatal(err)
		}
		reason := ""
		switch {
		case invalid:
			reason = reasonInvalid
		case epoch != "" && epoch != "one":
			reason = reasonEpoch
		case has && after > head:
			reason = reasonAhead
		case has && after < low:
			reason = reasonPruned
		case !has:
			after = head
		}
		checkBatch(t, b, after, head, int64(limit), reason)
	})
}

func checkBatch(t *testing.T, b *Batch, after, head, limit int64, reason string) {
	t.Helper()
	if reason != "" {
		if b.Reset == nil || b.Reset.Reason != reason || b.Reset.Head != head || b.Next != head || len(b.Events) != 0 {
			t.Errorf("after %d: got %+v, want reset %s", after, b, reason)
		}
		return
	}
	if b.Reset != nil || b.Epoch != "one" || b.Next != min(after+limit, head) || int64(len(b.Events)) != b.Next-after {
		t.Errorf("after %d, at most %d: %+v", after, limit, b)
	}
	for i, e := range b.Events {
		if e.Seq != after+int64(i)+1 {
			t.Errorf("after %d, event %d is %d", after, i, e.Seq)
		}
	}
}

// What we write is what a reader written from the specification reads, event for
// event, whatever the texts are and wherever a proxy cuts it.
func FuzzFrame(f *testing.F) {
	for _, text := range []string{"", "a\nb\r\u2028", "\n\ndata: x\nid: 9\n\n", "\x00", "\xff", "\ufeff", ": comment", "</script>"} {
		f.Add(text, "one", int64(7), []byte{0, 0, 0, 0, 0, 0, 0, 0, 0})
		f.Add("text", text, int64(1)<<62, []byte{9, 1, 200, 3})
	}
	f.Fuzz(func(t *testing.T, text, epoch string, seq int64, cuts []byte) {
		seq = max(seq, 0)
		post := &liveblog.Post{Text: text, Status: liveblog.PostPublished}
		frame, err := frameOf(liveblog.Event{Seq: seq, Type: liveblog.EventPost, Post: post})
		if err != nil {
			t.Fatal(err)
		}
		id := strconv.FormatInt(seq, 10)
		sent := [][]byte{retryLine(1500), (&Subscriber{}).reset(reset{Reason: reasonEpoch, Epoch: epoch, Head: seq}), pingFrame(seq), frame.plain, byeFrame(), endFrame(seq)}
		want := []eventsource.Event{{Name: "reset", ID: id, HasID: true}, {Name: "ping", ID: id}, {Name: "post", ID: id, HasID: true, Data: frame.Data}, {Name: "bye", ID: id}, {Name: "end", ID: id}}
		p := eventsource.NewParser(&conformance.Pieces{Rest: bytes.Join(sent, nil), Cuts: cuts})
		for _, w := range want {
			e, err := p.Next()
			if err != nil || e.Name != w.Name || e.ID != w.ID || e.HasID != w.HasID || e.Retry < 0 || !json.Valid(e.Data) || w.Data != nil && !bytes.Equal(e.Data, w.Data) {
				t.Fatalf("got %+v %q %v, want %+v %q", e, e.Data, err, w, w.Data)
			}
		}
		if e, err := p.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("one event too many: %+v", e)
		}
		var told struct{ Text string }
		if err := json.Unmarshal(frame.Data, &told); err != nil || utf8.ValidString(text) && told.Text != text {
			t.Errorf("%q became %q: %v", text, told.Text, err)
		}
	})
}
