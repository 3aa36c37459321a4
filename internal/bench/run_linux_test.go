package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/bench/floor"
)

// TestMain lets the test binary be the processes that Run starts.
func TestMain(m *testing.M) {
	ctx := context.Background()
	switch os.Args[len(os.Args)-1] {
	case RoleWorker:
		exitOn(Worker(ctx, os.Stdin, os.Stdout))
	case RoleFloor:
		exitOn(floor.Run(ctx, os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// scripted is a server that keeps a log, and tells each reader what its script
// makes of it.
type scripted struct {
	script func(log []int64) []int64 // what a reader is told of the new events

	mu      sync.Mutex
	titles  []string
	changed chan struct{}
}

func startScripted(t *testing.T, script func([]int64) []int64) string {
	s := &scripted{script: script, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/blogs", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /api/v1/blogs/{slug}/end", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /api/v1/blogs/{slug}", s.blog)
	mux.HandleFunc("POST /api/v1/blogs/{slug}/posts", s.post)
	mux.HandleFunc("GET /api/v1/blogs/{slug}/stream", s.stream)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server.URL
}

func (s *scripted) blog(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(w, `{"last_seq":%d}`, len(s.titles))
}

func (s *scripted) post(_ http.ResponseWriter, r *http.Request) {
	var post struct{ Title string }
	_ = json.NewDecoder(r.Body).Decode(&post)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.titles = append(s.titles, post.Title)
	close(s.changed)
	s.changed = make(chan struct{})
}

// stream tells events in groups of four, as the script has them, so that it can
// change their order.
func (s *scripted) stream(w http.ResponseWriter, r *http.Request) {
	var at int64
	_, _ = fmt.Sscan(r.FormValue("after"), &at)
	fmt.Fprintf(w, "event: hello\nid: %d\ndata: {}\n\n", at)
	for {
		s.mu.Lock()
		titles, changed := s.titles, s.changed
		s.mu.Unlock()
		var group []int64
		for ; at < int64(len(titles)); at++ {
			group = append(group, at+1)
		}
		for _, id := range s.script(group) {
			fmt.Fprintf(w, "event: post\nid: %d\ndata: {\"title\":%q}\n\n", id, titles[id-1])
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func configFor(urls ...string) Config {
	return Config{
		URLs: urls, Token: "t", Readers: 20, Rate: 1000, Payload: 100, Behind: 1,
		Command: []string{os.Args[0]}, Progress: io.Discard,
	}
}

// TestRun_SeesWhatServersDoWrong judges a server by a storm of 20 readers, ten
// events behind.
func TestRun_SeesWhatServersDoWrong(t *testing.T) {
	t.Parallel()
	const readers, events = 20, 10
	for _, test := range []struct {
		name   string
		script func([]int64) []int64
		want   Tally
	}{
		{"right", func(ids []int64) []int64 { return ids }, Tally{}},
		{"loses", func(ids []int64) []int64 { return without(ids, 5) }, Tally{Missing: readers}},
		{"doubles", func(ids []int64) []int64 { return doubled(ids, 5) }, Tally{Doubled: readers}},
		{"reorders", func(ids []int64) []int64 { return swapped(ids, 5) }, Tally{Reordered: readers}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := configFor(startScripted(t, test.script))
			c.Storm, c.Behind = true, events
			report, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			got := report.find("storm", nameServer)
			if got.Missing != test.want.Missing || got.Doubled != test.want.Doubled || got.Reordered != test.want.Reordered {
				t.Errorf("got %+v, want %+v", got.Tally, test.want)
			}
			if report.Sound() != (test.want == Tally{}) {
				t.Errorf("sound: %v", report.Sound())
			}
		})
	}
}

// without, doubled and swapped spoil what is told from an id on.
func without(ids []int64, id int64) []int64 {
	return slices.DeleteFunc(slices.Clone(ids), func(n int64) bool { return n == id })
}

func doubled(ids []int64, id int64) []int64 {
	if at := slices.Index(ids, id); at >= 0 {
		return slices.Insert(slices.Clone(ids), at, id)
	}
	return ids
}

func swapped(ids []int64, id int64) []int64 {
	ids = slices.Clone(ids)
	if at := slices.Index(ids, id); at >= 0 && at+1 < len(ids) {
		ids[at], ids[at+1] = ids[at+1], ids[at]
	}
	return ids
}

// TestRun_Floor holds the floor to what is asked of any server.
func TestRun_Floor(t *testing.T) {
	t.Parallel()
	c := configFor(startScripted(t, func(ids []int64) []int64 { return ids }))
	c.Floor, c.Storm, c.Behind, c.Burst, c.Duration = true, true, 20, 100, 100*time.Millisecond
	c.Silent, c.Slow, c.SlowRate = 3, 2, 100
	report, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for scenario, messages := range map[string]uint64{"steady": 100, "burst": 100, "siege": 100, "storm": 20} {
		got := report.find(scenario, nameFloor)
		if got == nil || got.Deliveries != 20*messages || !got.Sound() || got.Closed+got.TurnedAway > 0 {
			t.Errorf("%s: %+v, want %d deliveries", scenario, got, 20*messages)
		}
	}
	for _, want := range []string{"CPU per delivery", "Storm: 20 readers, 20 posts", "last one whole"} {
		if text := printed(report); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func printed(r *Report) string {
	var b strings.Builder
	r.Print(&b)
	return b.String()
}

func TestRun_Refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"another machine", func(c *Config) { c.URLs = []string{"http://192.0.2.1:8080"} }, "--allow-remote"},
		{"one of them is another machine", func(c *Config) { c.URLs = append(c.URLs, "http://192.0.2.1") }, "--allow-remote"},
		{"encrypted", func(c *Config) { c.URLs = []string{"https://127.0.0.1"} }, "without TLS"},
		{"nothing", func(c *Config) { c.URLs = nil }, "--url"},
		{"no readers", func(c *Config) { c.Readers = 0 }, "--readers"},
		{"for days", func(c *Config) { c.Duration = 100 * time.Hour }, "--duration"},
		{"no token", func(c *Config) { c.Token = "" }, "DATELINE_TOKEN"},
		{"no blog", func(c *Config) { c.NoPublish = true }, "--blog"},
	} {
		c := configFor("http://127.0.0.1:1")
		test.change(&c)
		if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestRun_EndsWhenToldTo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := configFor(startScripted(t, func(ids []int64) []int64 { return ids }))
	c.Rate, c.Duration = 1, time.Minute
	c.Progress = writer(func(line string) {
		if strings.Contains(line, "steady") {
			cancel()
		}
	})
	began := time.Now()
	if _, err := Run(ctx, c); err == nil {
		t.Error("a run that was ended has no error")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

type writer func(line string)

func (w writer) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}

func TestFloorFrame_HasTheSizeWanted(t *testing.T) {
	t.Parallel()
	for _, size := range []int{200, 300, 1492} {
		if got := len(floorFrame(12345, now(), size)); got != size {
			t.Errorf("%d bytes, want %d", got, size)
		}
	}
}
