package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/proof/eventsource"
	"dateline/internal/proof/pgtest"

	"github.com/tmaxmax/go-sse"
	"golang.org/x/sync/errgroup"
)

// clientFiles is where the programs are that use other people's clients.
const clientFiles = "testdata/clients"

// follower is somebody's client that follows a stream and comes back when it ends.
// It tells the name and the last id of each event, a line each, until ctx ends.
type follower struct {
	name    string
	codings []string // what it is able to ask for
	follow  func(ctx context.Context, url, coding string, out io.Writer) error
}

var (
	anyCoding = []string{"identity", "gzip"}
	followers = []follower{
		{"python3-requests", anyCoding, interpreted(python, "follow_requests.py")},
		{"python3-httpx", anyCoding, interpreted(python, "follow_httpx.py")},
		{"python3-aiohttp", anyCoding, interpreted(python, "follow_aiohttp.py")},
		{"npm eventsource 2", anyCoding[:1], interpreted(nodeJS, "follow_eventsource_2.js")},
		{"npm eventsource 4", anyCoding, interpreted(nodeJS, "follow_eventsource_4.js")},
		{"npm event-source-polyfill", anyCoding, interpreted(nodeJS, "follow_polyfill.js")},
		{"go-sse", anyCoding, followGoSSE},
		{"curl", anyCoding, followCurl},
	}
)

const (
	python = "/usr/bin/python3" // the one that has the system's packages
	nodeJS = "node"
)

// interpreted is a follower that is a program of its own.
func interpreted(interpreter, file string) func(context.Context, string, string, io.Writer) error {
	return func(ctx context.Context, url, coding string, out io.Writer) error {
		var log bytes.Buffer
		cmd := exec.CommandContext(ctx, interpreter, file, url, coding)
		cmd.Dir, cmd.Stdout, cmd.Stderr = clientFiles, out, &log
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		if err := cmd.Run(); ctx.Err() == nil {
			return fmt.Errorf("%s ended: %w\n%s", file, err, log.String())
		}
		return nil
	}
}

// followGoSSE follows with github.com/tmaxmax/go-sse.
func followGoSSE(ctx context.Context, url, coding string, out io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableCompression: coding == "identity"}
	defer transport.CloseIdleConnections()
	client := sse.Client{HTTPClient: &http.Client{Transport: transport}, Backoff: sse.Backoff{InitialInterval: 100 * time.Millisecond}}
	c := client.NewConnection(req)
	c.SubscribeToAll(func(e sse.Event) { fmt.Fprintln(out, e.Type, e.LastEventID) })
	if err := c.Connect(); ctx.Err() == nil {
		return fmt.Errorf("go-sse ended: %w", err)
	}
	return nil
}

// followCurl starts curl again and again, as a script would.
func followCurl(ctx context.Context, url, coding string, out io.Writer) error {
	lastID := ""
	for ctx.Err() == nil {
		args := []string{"-sSN", "-H", "Accept: text/event-stream"}
		if coding == "gzip" {
			args = append(args, "--compressed")
		}
		if lastID != "" {
			args = append(args, "-H", "Last-Event-ID: "+lastID)
		}
		var err error
		if lastID, err = curlOnce(ctx, append(args, url), lastID, out); err != nil {
			return err
		}
	}
	return nil
}

// curlOnce reads one stream to its end.
func curlOnce(ctx context.Context, args []string, lastID string, out io.Writer) (string, error) {
	cmd := exec.CommandContext(ctx, "curl", args...)
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	defer func() { _ = cmd.Wait() }() // the stream was cut, or the test is over
	p := eventsource.NewParser(stream)
	p.SetLastID(lastID)
	for {
		e, err := p.Next()
		if err != nil {
			return p.LastID(), nil
		}
		fmt.Fprintln(out, e.Name, e.ID)
	}
}

// following is one run of a follower, and what it has told so far.
type following struct {
	name string

	mu      sync.Mutex
	hellos  int
	ids     []string // of the events of the log
	changed chan struct{}
}

// take enters what a client tells.
func (f *following) take(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		name, id, _ := strings.Cut(lines.Text(), " ")
		f.mu.Lock()
		switch name {
		case "hello":
			f.hellos++
		case "post", "update", "delete", "blog", "reset":
			f.ids = append(f.ids, id)
		}
		close(f.changed)
		f.changed = make(chan struct{})
		f.mu.Unlock()
	}
}

// await waits until enough was told.
func (f *following) await(ctx context.Context, what string, enough func() bool) error {
	for {
		f.mu.Lock()
		done, changed, state := enough(), f.changed, fmt.Sprintf("%d hellos, events %v", f.hellos, f.ids)
		f.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: no %s: %s", f.name, what, state)
		}
	}
}

// clients are all followers at one node, behind a link that can be cut.
type clients struct {
	t       *testing.T
	robot   *robot
	node    *process
	link    *netfault.Proxy
	all     []*following
	posts   int
	running errgroup.Group
}

const clientsBlog = "followed"

func startClients(t *testing.T, engine string) *clients {
	t.Helper()
	dsn := pgtest.DSN(t)
	c := &clients{t: t, robot: newRobot(t, dsn), node: startProcess(t, dsn, "--engine="+engine)}
	c.robot.newBlog(t, c.node.url, clientsBlog)
	link, err := netfault.Listen(strings.TrimPrefix(c.node.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c.link = link
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		link.Close()
		if err := c.running.Wait(); err != nil {
			t.Error(err)
		}
	})
	url := fmt.Sprintf("http://%s/api/v1/blogs/%s/stream?after=0", link.Addr(), clientsBlog)
	for _, f := range followers {
		for _, coding := range f.codings {
			c.start(ctx, f, url, coding)
		}
	}
	return c
}

// start runs one follower until ctx ends.
func (c *clients) start(ctx context.Context, f follower, url, coding string) {
	run := &following{name: f.name + ", " + coding, changed: make(chan struct{})}
	c.all = append(c.all, run)
	r, w := io.Pipe()
	c.running.Go(func() error { run.take(r); return nil })
	c.running.Go(func() error {
		defer w.Close()
		if err := f.follow(ctx, url, coding, w); err != nil {
			return fmt.Errorf("%s: %w", run.name, err)
		}
		return nil
	})
}

// publish makes a post.
func (c *clients) publish() {
	c.t.Helper()
	c.posts++
	c.robot.post(c.t, c.node.url, clientsBlog, fmt.Sprint("Post ", c.posts))
}

// everybody waits until each client has what it should, and tells how long each took.
func (c *clients) everybody(what string, enough func(*following) bool) map[string]time.Duration {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	took := map[string]time.Duration{}
	var waiting errgroup.Group
	began := time.Now()
	for _, f := range c.all {
		waiting.Go(func() error {
			err := f.await(ctx, what, func() bool { return enough(f) })
			mu.Lock()
			defer mu.Unlock()
			took[f.name] = time.Since(began)
			if err != nil {
				c.t.Error(err)
			}
			return nil
		})
	}
	_ = waiting.Wait() // there are no errors but those reported
	if c.t.Failed() {
		c.t.FailNow()
	}
	return took
}

// TestE2E_OtherPeoplesClients follows a blog with the clients that people use, from
// Debian, npm and the Go proxy, as they are: an event to which no other comes is
// told within a second, and after a cut each event once, in order.
func TestE2E_OtherPeoplesClients(t *testing.T) {
	t.Parallel()
	installClients(t)
	for _, engine := range []string{"auto", "portable"} {
		t.Run(engine, func(t *testing.T) {
			c := startClients(t, engine)
			c.everybody("hello", func(f *following) bool { return f.hellos == 1 })
			lone := map[string]spread{}
			for range 3 {
				c.publish()
				for name, took := range c.everybody("lone event", func(f *following) bool { return len(f.ids) == c.posts }) {
					lone[name] = append(lone[name], took)
				}
			}
			for range 2 {
				c.link.Cut()
				c.publish()
				c.publish()
				c.everybody("events after a cut", func(f *following) bool { return len(f.ids) >= c.posts })
			}
			c.publish()
			c.everybody("last event", func(f *following) bool { return len(f.ids) > 0 && f.ids[len(f.ids)-1] == fmt.Sprint(c.posts) })
			c.judge(lone)
		})
	}
}

// judge wants of each client all events once, and the lone ones in time.
func (c *clients) judge(lone map[string]spread) {
	c.t.Helper()
	var want []string
	for i := range c.posts {
		want = append(want, fmt.Sprint(i+1))
	}
	for _, f := range c.all {
		f.mu.Lock()
		ids, hellos := slices.Clone(f.ids), f.hellos
		f.mu.Unlock()
		if !slices.Equal(ids, want) || hellos < 3 {
			c.t.Errorf("%s: %d connections, events %v", f.name, hellos, ids)
		}
		if median := lone[f.name].at(.5); median > time.Second {
			c.t.Errorf("%s: a lone event takes %s", f.name, median)
		}
		c.t.Logf("%-34s lone events %v; %d connections, each of %d events once", f.name, lone[f.name], hellos, len(want))
	}
}

// installClients gets the npm clients, unless they are there as the lock file says.
func installClients(t *testing.T) {
	t.Helper()
	wanted, err := os.ReadFile(filepath.Join(clientFiles, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(clientFiles, "node_modules", "installed.json")
	installed, err := os.ReadFile(stamp)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if bytes.Equal(installed, wanted) {
		return
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = clientFiles
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("install the npm clients: %v\n%s", err, out)
	}
	if err := os.WriteFile(stamp, wanted, 0o600); err != nil {
		t.Fatal(err)
	}
}
