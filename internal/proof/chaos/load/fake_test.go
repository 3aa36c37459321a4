package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dateline/internal/proof/chaos/history"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	const cluster = "dateline/internal/localpg.(*Cluster)." // of all tests: it ends after them
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(cluster+"keep"), goleak.IgnoreAnyFunction(cluster+"startServer.func1"))
}

// fakeNode is a server whose answers a test writes. Requests are kept.
type fakeNode struct {
	url string

	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

// newFakeNode answers the nth request, from 0, with answer.
func newFakeNode(t testing.TB, answer func(n int, w http.ResponseWriter, r *http.Request)) *fakeNode {
	f := &fakeNode{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(f.keep(r), w, r)
	}))
	f.url = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return f
}

func (f *fakeNode) keep(r *http.Request) (n int) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests, f.bodies = append(f.requests, r), append(f.bodies, string(body))
	return len(f.requests) - 1
}

func (f *fakeNode) got() ([]*http.Request, []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*http.Request(nil), f.requests...), append([]string(nil), f.bodies...)
}

// cut ends a connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

func answerJSON(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, format, args...)
}

// within is the context of a test.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// linesOf reads a log back.
func linesOf[T any](t testing.TB, path string) (all []T) {
	t.Helper()
	for line, err := range history.Lines[T](path) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

// readerLines reads a reader's log back, its first line apart.
func readerLines(t testing.TB, dir, name string) (history.Reader, []history.Seen) {
	t.Helper()
	path := filepath.Join(dir, history.ReadersDir, name+".jsonl")
	return linesOf[history.Reader](t, path)[0], linesOf[history.Seen](t, path)[1:]
}
