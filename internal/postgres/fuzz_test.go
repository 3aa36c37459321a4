package postgres

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Nodes receive each pair that a node sent, in payloads that PostgreSQL accepts. Of
// what other sessions write to the channel, they take complete valid pairs only.
func FuzzPayload(f *testing.F) {
	id := "0190a000-0000-7000-8000-000000000000"
	for _, text := range []string{"", id + ":7", id + ":7 " + id + ":8", id + ":-1", id + ":0", id + ":9223372036854775808", id, ":", "{" + id + "}:7", "urn:uuid:" + id + ":7", strings.ToUpper(id) + ":7",
		strings.ReplaceAll(id, "-", "") + ":7", "self-test:" + id, id + ":7:8", id + ":+7", id + ":07", "\u2003" + id + ":1\x00", "\xff"} {
		f.Add(text, uint8(3), int64(7))
	}
	f.Add("x", uint8(255), int64(1)<<62)
	f.Fuzz(func(t *testing.T, text string, blogs uint8, seq int64) {
		checkParsed(t, text)
		sent := map[uuid.UUID]int64{}
		n := NewNotifier(nil)
		for i := range int(blogs) {
			blog := uuid.NewSHA1(uuid.Nil, []byte(text+strconv.Itoa(i)))
			sent[blog] = max(1, seq>>(i%8))
			n.Notify(blog, sent[blog])
			n.Notify(blog, sent[blog]-1)
		}
		received := map[uuid.UUID]int64{}
		for _, payload := range n.drain() {
			if len(payload) >= 8000 {
				t.Errorf("a notification of %d bytes", len(payload))
			}
			parsePayload(payload, func(blog uuid.UUID, seq int64) { received[blog] = seq })
		}
		if !maps.Equal(sent, received) {
			t.Errorf("sent %v, received %v", sent, received)
		}
	})
}

func checkParsed(t *testing.T, text string) {
	t.Helper()
	parsePayload(text, func(blog uuid.UUID, seq int64) {
		if lower := strings.ToLower(text); seq < 1 || !strings.Contains(lower, blog.String()+":") || !strings.Contains(text, strconv.FormatInt(seq, 10)) {
			t.Errorf("%q is read as %s:%d", text, blog, seq)
		}
	})
}
