//go:build unix

package run

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/proof/chaos/browser"
	"dateline/internal/proof/chaos/check"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/load"
	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/wait"
)

// node is one node of the bed.
type node = *testbed.Node

// stage is what one act uses: a bed with clients, and the history that they record.
type stage struct {
	dir      string
	config   testbed.Config
	workload workload
	bed      *testbed.Bed
	slugs    []string
	token    string
	expired  string       // a token whose time is over
	client   *http.Client // of the faults' own requests
	tracker  *load.Tracker
	tally    *load.Tally
	sampler  *sampler
	// recoveryTimeout bounds how long a round waits for its readers. The checker
	// decides whether they took too long.
	recoveryTimeout time.Duration
	door            chan struct{} // closed when late readers may come
	variant         string        // the program with the broken servers and the clock, or empty
	next            string        // the program of the next version, or empty

	clients        *clients // while they are at work
	browser        *browser.Browser
	pages          []openPage // in the browser
	writes, faults *history.Log
	mu             sync.Mutex
	recorded       []history.Fault
	revoked        time.Time // when the first token was
	wrongs         []string  // violations that the stage itself saw
	figures        []check.Figure
	recoveries     map[string][]time.Duration // by kind
}

func (s *stage) node(number int) node { return s.bed.Nodes()[number-1] }

// wrong notes a violation that no history shows.
func (s *stage) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrongs = append(s.wrongs, fmt.Sprintf(format, args...))
}

// connect opens a connection to the primary, past all proxies.
func (s *stage) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return pgx.Connect(ctx, s.bed.DSN())
}

// inject makes one fault and writes it down.
func (s *stage) inject(ctx context.Context, k kind, f planned) history.Fault {
	wait.For(ctx, f.Delay)
	record := history.Fault{Kind: k.id, Name: k.title(), Allows: k.allows, Began: time.Now().UnixNano()}
	if k.takes&oneNode != 0 {
		record.Target = "node " + strconv.Itoa(f.Target)
	}
	detail, err := k.inject(ctx, s, f)
	record.Ended, record.Detail = time.Now().UnixNano(), detail
	if err != nil {
		record.Error = err.Error()
	}
	return record
}

// play injects the faults of a round together and waits until readers have
// recovered from all of them.
func (s *stage) play(ctx context.Context, kinds []kind, r round) {
	wait.For(ctx, r.Pause)
	if ctx.Err() != nil {
		return
	}
	records := make([]history.Fault, len(r.Faults))
	var all sync.WaitGroup
	for i, f := range r.Faults {
		all.Go(func() { records[i] = s.inject(ctx, kindOf(kinds, f.Kind), f) })
	}
	all.Wait()
	s.revive(ctx, r)
	last := 0
	for i := range records {
		if records[i].Ended > records[last].Ended {
			last = i
		}
	}
	records[last].Recovered = s.recovered(ctx, records[last].Ended)
	s.record(records...)
}

// revive starts nodes that a round left down: that is the harness's own failure,
// and no fault that a guarantee could be judged by.
func (s *stage) revive(ctx context.Context, r round) {
	for _, n := range s.bed.Nodes() {
		if n.PID() != 0 {
			continue
		}
		s.wrong("node %d was left down by %v", n.Number, r)
		lift, cancel := lifting(ctx)
		if err := start(lift, n); err != nil {
			s.wrong("node %d: %v", n.Number, err)
		}
		cancel()
	}
}

// recovered waits until every healthy reader has an event whose write began after a
// time, and returns when that was; 0 when it does not happen.
func (s *stage) recovered(ctx context.Context, after int64) int64 {
	ctx, cancel := context.WithTimeout(ctx, s.recoveryTimeout)
	defer cancel()
	at, err := s.tracker.Await(ctx, time.Unix(0, after))
	if err != nil {
		return 0
	}
	return at.UnixNano()
}

// record numbers faults and writes them down.
func (s *stage) record(records ...history.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		r.ID = len(s.recorded) + 1
		s.recorded = append(s.recorded, r)
		s.faults.Add(r)
	}
}

func kindOf(kinds []kind, id string) kind {
	for _, k := range kinds {
		if k.id == id {
			return k
		}
	}
	return kind{id: id, inject: nothing}
}

// linksTo are the ways of all nodes to one server.
func (s *stage) linksTo(server *testbed.Server) (links []*netfault.Proxy) {
	place := slices.Index(s.bed.Servers(), server)
	for _, n := range s.bed.Nodes() {
		links = append(links, n.Database[place])
	}
	return links
}

// hostOf is the address in a URL of the bed.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Host
}

// openFiles counts the files that a process has open.
func openFiles(pid int) (int, error) {
	list, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	return len(list), err
}

// smallBuffer gives a connection the smallest receive buffer there is.
func smallBuffer(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2048)
	})
	if err != nil {
		return err
	}
	return failed
}
