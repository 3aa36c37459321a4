package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"dateline/internal/bench"
	"dateline/internal/bench/floor"
	"dateline/internal/liveblog"
)

// benchCommand measures what nodes deliver and what it costs.
type benchCommand struct {
	URL         []string `placeholder:"URL" help:"A node, http://127.0.0.1:8080; give several for several nodes. Posts go to the first."`
	AllowRemote bool     `help:"Measure other machines than this one. A load test can bring them down."`
	Token       string   `env:"DATELINE_TOKEN" help:"API token with the scopes read, posts:write and blogs:write."`
	Blog        string   `placeholder:"SLUG" help:"The blog to read with --no-publish. Else one is made, and ended afterwards."`
	NoPublish   bool     `help:"Publish nothing, count what others publish."`

	Readers  int           `default:"1000" help:"Readers, each with a stream."`
	Rate     float64       `default:"10" help:"Posts a second in the steady part."`
	Duration time.Duration `default:"20s" help:"How long the steady part takes; 0 leaves it out."`
	Payload  int           `default:"300" placeholder:"BYTES" help:"Size of a post's title and text."`
	Burst    int           `placeholder:"N" help:"Then so many posts as fast as the API takes them."`
	Slow     string        `placeholder:"N@BYTES" help:"Then steady again among so many readers who take so many bytes a second."`
	Silent   int           `placeholder:"N" help:"And among so many who never read."`
	Storm    bool          `help:"Then all readers reconnect at once."`
	Behind   int           `default:"50" placeholder:"N" help:"How many posts they are behind then."`
	Churn    bool          `help:"Last, all readers go: what do memory, open files and goroutines say, --settle later?"`
	All      bool          `help:"All of these: a burst of 200, 1,000 silent readers, 200 at 100 bytes a second, a storm, the readers' leaving."`

	Pid     []int         `placeholder:"PID" help:"A process of the servers, to measure its CPU and memory; may be repeated."`
	Metrics []string      `placeholder:"URL" help:"A node's page of metrics, http://127.0.0.1:9090/metrics, for SQL statements and goroutines; may be repeated."`
	Floor   bool          `help:"Measure a bare loop of writes on this machine first, to compare with."`
	Settle  time.Duration `default:"30s" help:"How long servers may take to come to rest before they are measured."`
	JSON    bool          `name:"json" help:"Print the report as JSON."`

	Self  bool     `help:"Start a node for the run, with its own PostgreSQL unless --database-url tells one."`
	Nodes int      `default:"1" help:"How many nodes --self starts."`
	Serve []string `arg:"" optional:"" help:"With --self: after --, flags for dateline serve."`
}

// Run is called by kong.
func (b *benchCommand) Run(ctx context.Context, c *Config, term console) (err error) {
	config, err := b.config(term)
	if err != nil {
		return err
	}
	if b.Self {
		s, err := startSelf(ctx, c, b, term)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		config.URLs, config.PIDs, config.Metrics, config.Token = s.urls, s.pids, s.metrics, s.token
	}
	report, err := bench.Run(ctx, config)
	if report == nil {
		return err
	}
	report.Version = version
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(term.err, "stopped")
		err = nil
	}
	return errors.Join(err, b.print(report, term))
}

// config checks the flags that bench doesn't know as they are.
func (b *benchCommand) config(term console) (bench.Config, error) {
	if b.Self && (len(b.URL) > 0 || b.Token != "" && os.Getenv("DATELINE_TOKEN") == "") {
		return bench.Config{}, errors.New("--self starts its own node and makes its own token: leave out --url and --token")
	}
	if !b.Self && len(b.Serve) > 0 {
		return bench.Config{}, fmt.Errorf("%q: flags for dateline serve need --self", b.Serve[0])
	}
	if b.Nodes < 1 || b.Nodes > 8 {
		return bench.Config{}, errors.New("--nodes must be 1 to 8")
	}
	if b.All {
		b.all()
	}
	slow, pace, err := parseSlow(b.Slow)
	if err != nil {
		return bench.Config{}, err
	}
	program, err := os.Executable()
	return bench.Config{
		URLs: b.URL, AllowRemote: b.AllowRemote, Token: b.Token, Slug: b.Blog, NoPublish: b.NoPublish,
		Readers: b.Readers, Rate: b.Rate, Duration: b.Duration, Payload: b.Payload, Burst: b.Burst, Storm: b.Storm, Behind: b.Behind,
		Slow: slow, SlowRate: pace, Silent: b.Silent, Churn: b.Churn, PIDs: b.Pid, Metrics: b.Metrics, Settle: b.Settle, Floor: b.Floor,
		Command: []string{program}, Progress: term.err,
	}, err
}

// all sets what --all means, except what other flags set.
func (b *benchCommand) all() {
	if b.Burst == 0 {
		b.Burst = 200
	}
	if b.Silent == 0 {
		b.Silent = 1000
	}
	if b.Slow == "" {
		b.Slow = "200@100"
	}
	b.Storm, b.Churn = true, true
}

// parseSlow reads "200@100": readers, and bytes a second of each.
func parseSlow(text string) (readers, pace int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	n, rate, ok := strings.Cut(text, "@")
	readers, errN := strconv.Atoi(n)
	pace, errRate := strconv.Atoi(rate)
	if !ok || errN != nil || errRate != nil || readers < 0 || pace < 10 {
		return 0, 0, fmt.Errorf("--slow %q: write readers@bytes, such as 200@100; 10 bytes a second at least", text)
	}
	return readers, pace, nil
}

// print writes the report, and fails when readers did not get what they should.
func (b *benchCommand) print(report *bench.Report, term console) error {
	if !b.JSON {
		report.Print(term.out)
	} else {
		e := json.NewEncoder(term.out)
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return err
		}
	}
	if !report.Sound() {
		return errors.New("not every reader got every event, once and in order, on one stream: see missing, doubled, reordered, resets and closed")
	}
	return nil
}

// benchWorker is a process of readers; benchFloor the bare loop.
type (
	benchWorker struct{}
	benchFloor  struct{}
)

// Run is called by kong.
func (benchWorker) Run(ctx context.Context, term console) error {
	return bench.Worker(ctx, term.in, term.out)
}

// Run is called by kong.
func (benchFloor) Run(ctx context.Context, term console) error {
	return floor.Run(ctx, term.in, term.out)
}

// benchToken makes a token for the run.
func benchToken(ctx context.Context, db *database) (string, error) {
	create := tokenCreate{Name: "dateline bench", Expires: 1}
	return create.create(ctx, db, &liveblog.Token{
		Name: create.Name, Scopes: []liveblog.Scope{liveblog.ScopeRead, liveblog.ScopePostWrite, liveblog.ScopeBlogWrite},
	})
}
