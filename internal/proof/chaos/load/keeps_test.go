package load

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// chained is a post whose data and id tell its chain, 16 times the same digit.
func chained(seq, digit string) string {
	chain := strings.Repeat(digit, 16)
	return "event: post\nid: " + seq + "\ndata: {\"id\":\"x\",\"seq\":" + before(seq) + ",\"version\":1,\"title\":\"t\",\"html\":\"h\",\"chain\":\"" + chain + "\"}\n\n"
}

// before is an id without its receipt.
func before(id string) string {
	number, _, _ := strings.Cut(id, ".")
	return number
}

// TestRead_ComesBackWithWhatItKeeps lets each kind of client lose its stream, be
// told to start again, and lose its stream once more.
func TestRead_ComesBackWithWhatItKeeps(t *testing.T) {
	t.Parallel()
	c6, c8 := strings.Repeat("6", 16), strings.Repeat("8", 16)
	for keeps, want := range map[string][]string{
		history.KeepsChain:  {"after=5&chain=5555555555555555&epoch=e1 ", "after=6&chain=" + c6 + "&epoch=e1 ", "after=8&chain=" + c8 + "&epoch=e2 "},
		history.KeepsEpoch:  {"after=5&epoch=e1 ", "after=5&epoch=e1 6", "after=7&epoch=e2 8"},
		history.KeepsNative: {"after=5&epoch=e1 ", "after=5&epoch=e1 6", "after=5&epoch=e1 8"},
		history.KeepsReceipt: {
			"after=5&chain=5555555555555555&ids=receipt ", "after=5&chain=5555555555555555&ids=receipt 6." + c6,
			"after=5&chain=5555555555555555&ids=receipt 8." + c8,
		},
		history.KeepsNumber: {"after=5 ", "after=5 6", "after=5 8"},
	} {
		t.Run(keeps, func(t *testing.T) {
			t.Parallel()
			id := func(seq, digit string) string {
				if keeps == history.KeepsReceipt {
					return seq + "." + strings.Repeat(digit, 16)
				}
				return seq
			}
			f := newFakeNode(t, func(n int, w http.ResponseWriter, _ *http.Request) {
				switch n {
				case 0: // the list of posts
					answerJSON(w, 200, `{"items":[],"epoch":"e1","last_seq":5,"chain":"5555555555555555"}`)
				case 1:
					told(w, "retry: 1\n\n", chained(id("6", "6"), "6"))
					cut(w)
				case 2:
					told(w, "event: reset\nid: "+id("7", "7")+"\ndata: {\"reason\":\"epoch\",\"epoch\":\"e2\",\"head\":7,\"chain\":\"7777777777777777\"}\n\n", chained(id("8", "8"), "8"))
					cut(w)
				default:
					told(w, ended)
				}
			})
			_, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Keeps: keeps})
			if got := lines[1].Chain; got != 0x6666666666666666 {
				t.Errorf("the chain of the first event is %x", got)
			}
			requests, _ := f.got()
			var asked []string
			for _, r := range requests[1:] {
				asked = append(asked, r.URL.RawQuery+" "+r.Header.Get("Last-Event-ID"))
			}
			if !slices.Equal(asked, want) {
				t.Errorf("asked\n%q, not\n%q", asked, want)
			}
		})
	}
}

func TestRead_TellsOfAReceiptThatContradictsItsEvent(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		told(w, hello("e1", 5), chained("6.7777777777777777", "6"), ended)
	})
	_, lines := read(t, ReaderConfig{Target: Target{Nodes: []string{f.url}}, Start: FromNow, Keeps: history.KeepsReceipt})
	if !strings.HasPrefix(lines[2].Why, "receipt 7777") {
		t.Errorf("%+v", lines[2])
	}
}

func TestRead_LooksAgainAfterTheEnd(t *testing.T) {
	t.Parallel()
	f := newFakeNode(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 0:
			told(w, hello("e1", 5), ended)
		case 1:
			w.WriteHeader(http.StatusNoContent)
		case 2:
			told(w, hello("e1", 5), aPost(6))
		default:
			<-t.Context().Done()
		}
	})
	c := ReaderConfig{Name: "r1", Blog: "cup", Dir: t.TempDir(), Target: Target{Nodes: []string{f.url}}, Start: FromNow, Again: time.Millisecond}
	ctx := within(t, 10*time.Second)
	tracker := NewTracker()
	c.Tracker = tracker
	done := make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	go func() { done <- Read(reading, c) }()
	for tracker.healthy([]string{"cup"}) == nil || tracker.healthy([]string{"cup"})[0].position() < 6 {
		if !wait.For(ctx, time.Millisecond) {
			t.Fatal("the reader did not come back after the end")
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
