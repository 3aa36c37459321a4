package load

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"dateline/internal/proof/chaos/history"
)

func TestStorm_CountsWhoIsWhole(t *testing.T) {
	t.Parallel()
	var streams atomic.Int32
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/blogs/cup/posts" {
			answerJSON(w, 200, `{"items":[],"epoch":"e1","last_seq":12}`)
			return
		}
		if r.Header.Get("X-Forwarded-For") != "198.18.0.1" {
			t.Error("the address is not told")
		}
		switch streams.Add(1) {
		case 1:
			told(w, "retry: 1\n\n") // rejected, reconnects
		case 2:
			told(w, hello("e1", 10), aPost(12)) // a hole
		case 3:
			told(w, hello("e1", 10), event("reset", 12, `{"reason":"ahead","epoch":"e1","head":12}`))
		default:
			told(w, hello("e1", 10), aPost(11), event("views", -1, `{}`), aPost(12))
			<-r.Context().Done()
		}
	})
	got, err := Storm(within(t, 30*time.Second), StormConfig{
		Target: Target{Nodes: []string{f.url}}, Blog: "cup", Readers: 50, Behind: 2, Within: 50 * time.Millisecond,
		Address: func(int) string { return "198.18.0.1" },
	})
	if err != nil || got.Whole != 48 || got.Wrong != 2 || got.Failed != 1 || got.From != 10 || got.Head != 12 {
		t.Errorf("%+v, %v", got, err)
	}
	if got.Slowest < got.P99 || got.P99 < got.P50 || got.Took < got.Slowest {
		t.Errorf("times %+v", got)
	}
}

func TestStorm_NeedsToKnowTheHead(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	if _, err := Storm(t.Context(), StormConfig{Target: Target{Nodes: []string{f.url}}, Blog: "cup", Readers: 5}); err == nil {
		t.Error("it began without")
	}
}

func TestHostile_ReadersHaveLogsOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		told(w, hello(r.Header.Get("X-Forwarded-For"), 0), ended)
	})
	dir := t.TempDir()
	err := Hostile(within(t, 30*time.Second), HostileConfig{Readers: 3, Reader: ReaderConfig{
		Name: "slow", Target: Target{Nodes: []string{f.url}}, Blog: "cup", How: Slow, Start: FromNow, BytesPerSecond: 10_000, Dir: dir,
	}, Address: func(i int) string { return fmt.Sprintf("198.18.0.%d", i) }})
	if err != nil {
		t.Fatal(err)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, history.ReadersDir, "slow-*.jsonl"))
	if len(logs) != 3 {
		t.Errorf("%d logs", len(logs))
	}
	if _, lines := readerLines(t, dir, "slow-2"); len(lines) < 2 || lines[1].Epoch != "198.18.0.2" {
		t.Errorf("its address is not told: %+v", lines)
	}
	if Hostile(t.Context(), HostileConfig{Readers: 1, Reader: ReaderConfig{How: SSE}}) == nil {
		t.Error("a healthy reader is called hostile")
	}
}
