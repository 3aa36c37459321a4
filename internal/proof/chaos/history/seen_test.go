package history_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"dateline/internal/proof/chaos/history"
)

// seen has a line of every shape: plain ones, which are decoded by hand, and
// those with escapes and counts.
var seen = []history.Seen{
	{At: 1, Kind: history.Open, Seq: -1, Node: 2},
	{At: 2, Kind: history.Hello, Epoch: "abc", Seq: 7},
	{At: 3, Kind: history.Post, Seq: 8, Post: "0198-a", Version: 1, Text: "one two", Hash: 1<<64 - 1, Chain: 1<<63 + 5},
	{At: 4, Kind: history.Update, Seq: 9, Post: "0198-a", Version: 2, Text: `a "quoted" <title> with \ and ü`, Hash: 12},
	{At: 5, Kind: history.Views, Counts: map[string]int64{"0198-a": 3, "0198-b": 1 << 40}},
	{At: 6, Kind: history.Ping},
	{At: 7, Kind: history.Reset, Why: "epoch", Epoch: "def", Seq: 4},
	{At: 8, Kind: history.Closed, Why: history.ByReader},
}

func TestFollow_ReadsBackWhatWasSeen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "r1.jsonl")
	l, err := history.NewLog(path)
	if err != nil {
		t.Fatal(err)
	}
	who := history.Reader{Name: "r1", Blog: "b", How: "sse", Healthy: true}
	l.Add(who)
	for _, s := range seen {
		l.Add(s)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var reader history.Reader
	var got []history.Seen
	err = history.Follow(path, func(r history.Reader) { reader = r }, func(s *history.Seen) { got = append(got, *s) })
	if err != nil || reader != who || !reflect.DeepEqual(got, seen) {
		t.Errorf("%v: %+v saw\n%+v, want\n%+v", err, reader, got, seen)
	}
}

func TestFollow_TellsOfDamage(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":               "",
		"no reader":           "{\n",
		"half a line":         "{\"name\":\"r\"}\n{\"t\":1,\"k\":\"post\",\"s\":",
		"half a string":       "{\"name\":\"r\"}\n{\"t\":1,\"k\":\"po",
		"a number that is no": "{\"name\":\"r\"}\n{\"t\":1x,\"k\":\"post\"}\n",
		"two lines in one":    "{\"name\":\"r\"}\n{\"t\":1}{\"t\":2}\n",
	} {
		path := filepath.Join(t.TempDir(), "r.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if history.Follow(path, func(history.Reader) {}, func(*history.Seen) {}) == nil {
			t.Errorf("%s was read without an error", name)
		}
	}
}

func BenchmarkFollow(b *testing.B) {
	path := filepath.Join(b.TempDir(), "r.jsonl")
	l, err := history.NewLog(path)
	if err != nil {
		b.Fatal(err)
	}
	l.Add(history.Reader{Name: "r"})
	for i := range b.N {
		l.Add(history.Seen{
			At: 1_790_000_000_000_000_000, Kind: history.Post, Seq: int64(i), Post: "01980000-0000-7000-8000-000000000000",
			Version: 1, Text: "p1 of publisher 3 for seed 4", Hash: 1 << 63,
		})
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	lines := 0
	if err := history.Follow(path, func(history.Reader) {}, func(*history.Seen) { lines++ }); err != nil || lines != b.N {
		b.Fatal(lines, err)
	}
}
