package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"dateline/internal/wait"
)

const (
	// patience is how long readers may take to receive everything, beside the time
	// that their number needs.
	patience = 2 * time.Minute
	// slowest is how many readers a second a server accepts, at least.
	slowest = 500
	// idleTime is how long an idle server is watched.
	idleTime = 3 * time.Second
	// manyReaders is the number from which one worker is not enough for two cores.
	manyReaders = 500
	// perAddress is how many readers come from one address: fewer than a node with
	// its default limits lets in.
	perAddress = 200
	// warmRounds times warmReaders connect and leave before memory is measured.
	warmRounds, warmReaders = 20, 200
	// calm is the time between the readers' leaving and a storm: the servers shall
	// have closed what was open.
	calm = 2 * time.Second
	// gathering is the time that workers get to prepare for a storm.
	gathering = 300 * time.Millisecond
)

// leader carries a run out.
type leader struct {
	Config
	targets  []target
	loopback bool
	api      *api
	frame    int
	report   *Report
}

// Run measures what c says and returns what it found, with an error also what it
// found before that.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	targets, loopback, err := c.targets(ctx)
	if err != nil {
		return nil, err
	}
	l := &leader{Config: c, targets: targets, loopback: loopback, api: newAPI(c.URLs[0], c.Token, c.Payload), report: newReport(c)}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	err = l.all(ctx)
	if !c.NoPublish {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err = errors.Join(err, l.api.end(end))
	}
	return l.report, err
}

func newReport(c Config) *Report {
	load, _ := os.ReadFile("/proc/loadavg") // context: without it the run is as good
	return &Report{
		Time: time.Now().UTC().Format(time.RFC3339), Nodes: c.URLs, Payload: c.Payload,
		Host: Host{Cores: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version(), Load: strings.TrimSpace(string(load))},
	}
}

// prepare makes the blog and finds out how large a post is on the wire.
func (l *leader) prepare(ctx context.Context) (err error) {
	if l.NoPublish {
		l.api.slug = l.Slug
		return nil
	}
	if err := l.api.createBlog(ctx); err != nil {
		return err
	}
	l.frame, err = l.api.frameSize(ctx)
	l.report.Frame = l.frame
	return err
}

// all measures the floor, then the servers.
func (l *leader) all(ctx context.Context) error {
	if l.Floor {
		f, err := startFloor(ctx, l.Command, l.frame)
		if err != nil {
			return err
		}
		err = l.measure(ctx, f.system())
		f.child.close()
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
	}
	return l.measure(ctx, &system{
		name: nameServer, publisher: l.api, nodes: l.targets, path: "/api/v1/blogs/" + l.api.slug + "/stream", pids: l.PIDs, metrics: l.Metrics,
	})
}

// run is one system under all scenarios.
type run struct {
	*leader
	*system
	workers *workers
	before  *Usage // the readers came
}

func (l *leader) measure(ctx context.Context, s *system) error {
	most := l.Readers + l.Slow + l.Silent
	n := (most + perWorker - 1) / perWorker
	if most >= manyReaders {
		n = max(n, 2)
	}
	c, err := startWorkers(ctx, l.Command, n)
	if err != nil {
		return err
	}
	defer c.close()
	r := &run{leader: l, system: s, workers: c}
	for _, step := range []struct {
		name string
		do   func(context.Context) (*Result, error)
		want bool
	}{
		{"idle", r.idle, true},
		{"steady", r.steady, l.Duration > 0},
		{"burst", r.burst, l.Burst > 0},
		{"siege", r.siege, l.Slow+l.Silent > 0 && l.Duration > 0 && !l.NoPublish},
		{"storm", r.storm, l.Storm && !l.NoPublish},
		{"churn", r.churn, l.Churn && len(s.pids) > 0 && s.name == nameServer},
	} {
		if !step.want {
			continue
		}
		l.say("%s: %s", s.name, step.name)
		result, err := step.do(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, errors.Join(err, ctx.Err()))
		}
		result.Scenario, result.Server, result.Readers = step.name, s.name, l.Readers
		l.report.Results = append(l.report.Results, *result)
	}
	return nil
}

func (l *leader) say(format string, args ...any) {
	fmt.Fprintf(l.Progress, format+"\n", args...)
}

// within is how long so many readers get.
func within(readers int) int64 {
	return int64(patience + time.Duration(readers)*time.Second/slowest)
}

// connection is the order by which readers come, after an event.
func (r *run) connection(after int64) order {
	o := order{Do: doConnect, Path: r.path, After: after, Within: within(r.Readers + r.Slow + r.Silent)}
	for _, node := range r.nodes {
		o.Nodes, o.Host = append(o.Nodes, node.address), append(o.Host, node.host)
	}
	if r.loopback {
		o.Sources = r.Readers/perAddress + 1
	}
	return o
}

// idle lets the readers come and looks what it costs that they are there.
func (r *run) idle(ctx context.Context) (*Result, error) {
	if len(r.pids) == 0 { // nothing can be seen of it
		return &Result{}, r.come(ctx)
	}
	if err := r.warm(); err != nil {
		return nil, err
	}
	before, err := rest(ctx, r.pids, r.Settle)
	if err != nil {
		return nil, err
	}
	if r.before, err = r.usage(ctx); err != nil {
		return nil, err
	}
	if err := r.come(ctx); err != nil {
		return nil, err
	}
	with, err := rest(ctx, r.pids, r.Settle)
	if err != nil {
		return nil, err
	}
	result := &Result{RSS: float64(with) / (1 << 20), Memory: float64(with-before) / 1024 / float64(r.Readers)}
	_, err = r.window(result, 0, 0, watching(ctx, min(idleTime, r.Settle)))
	return result, err
}

// come connects all readers, from the newest event on.
func (r *run) come(ctx context.Context) error {
	after := int64(-1) // wherever the server says
	if !r.NoPublish {
		var err error
		if after, err = r.head(ctx); err != nil {
			return err
		}
	}
	return r.workers.connect(r.connection(after), 0, r.Readers)
}

// warm lets some readers come and go, so that what a server needs once is there
// and what it needed to start is freed before its memory is measured.
func (r *run) warm() error {
	o := r.connection(-1)
	o.Guest = true
	for range warmRounds {
		if err := r.workers.connect(o, 0, min(r.Readers, warmReaders)); err != nil {
			return err
		}
		if _, err := r.workers.same(order{Do: doDrop}); err != nil {
			return err
		}
	}
	return nil
}

// watching is a scenario that publishes nothing for a time.
func watching(ctx context.Context, d time.Duration) func() ([]answer, error) {
	return func() ([]answer, error) {
		wait.For(ctx, d)
		return nil, ctx.Err()
	}
}

// steady publishes at a pace.
func (r *run) steady(ctx context.Context) (*Result, error) {
	if r.NoPublish {
		result := &Result{}
		_, err := r.window(result, 0, 0, watching(ctx, r.Duration))
		return result, err
	}
	n := max(1, int(r.Rate*r.Duration.Seconds()))
	return r.publishing(ctx, n, time.Duration(float64(time.Second)/r.Rate))
}

// burst publishes as fast as the server takes it.
func (r *run) burst(ctx context.Context) (*Result, error) { return r.publishing(ctx, r.Burst, 0) }

// siege is steady with slow and silent readers beside the others, which must get
// every event.
func (r *run) siege(ctx context.Context) (*Result, error) {
	o := r.connection(0)
	for _, kind := range []struct{ count, sip int }{{r.Silent, -1}, {r.Slow, r.SlowRate}} {
		o.Sip = kind.sip
		if err := r.workers.connect(o, r.Readers, kind.count); err != nil {
			return nil, err
		}
	}
	result, err := r.steady(ctx)
	if err != nil {
		return nil, err
	}
	result.PerOne = 0 // slow readers' bytes cost as well
	size, err := sumOver(r.pids, memoryOf)
	result.RSS = float64(size) / (1 << 20)
	return result, err
}

// publishing makes n messages and waits until all readers have them.
func (r *run) publishing(ctx context.Context, n int, interval time.Duration) (*Result, error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	result := &Result{Messages: n}
	s, err := r.window(result, head, n, func() ([]answer, error) {
		answers, err := publishAll(ctx, r, n, interval)
		if err != nil {
			return nil, err
		}
		result.PostsASecond = pace(answers)
		return answers, r.await(order{Do: doAwait, Head: head + int64(n), Within: within(r.Readers)})
	})
	if err != nil {
		return nil, err
	}
	if took := s.span(); took > 0 {
		result.Seconds, result.PerSecond = float64(took)/1e9, float64(s.tally.Deliveries)*1e9/float64(took)
	}
	return result, nil
}

// await gives an order that ends when all readers have everything, and says where
// those are who don't when its time is over.
func (r *run) await(o order) error {
	notices, err := r.workers.same(o)
	var behind [4]int
	for _, n := range notices {
		for state, count := range n.Behind {
			behind[state] += count
		}
	}
	if behind != [4]int{} {
		r.say("after %s these readers lack something: %d away, %d connecting, %d without an answer, %d with a stream",
			time.Duration(o.Within), behind[away], behind[connecting], behind[asked], behind[open])
	}
	return err
}

// pace is how many messages a second were sent.
func pace(answers []answer) float64 {
	if len(answers) < 2 {
		return 0
	}
	first, last := answers[0].sent, answers[0].sent
	for _, a := range answers {
		first, last = min(first, a.sent), max(last, a.sent)
	}
	return float64(len(answers)-1) * 1e9 / float64(max(last-first, 1))
}

// window has the workers and the processes watched while do runs, and describes
// in result what came of it. Messages are those after the number after.
func (r *run) window(result *Result, after int64, messages int, do func() ([]answer, error)) (*sum, error) {
	begun, err := r.workers.same(order{Do: doBegin, After: after, Messages: messages})
	if err != nil {
		return nil, err
	}
	cpu, err := sumOver(r.pids, cpuOf)
	if err != nil {
		return nil, err
	}
	start, queue := now(), overflows()
	answers, err := do()
	if err != nil {
		return nil, err
	}
	used, err := sumOver(r.pids, cpuOf)
	if err != nil {
		return nil, err
	}
	took := now() - start
	ended, err := r.workers.same(order{Do: doReport, Head: after + int64(messages)})
	if err != nil {
		return nil, err
	}
	s := sumOf(ended, len(r.nodes))
	s.describe(result, answers)
	result.Queue = overflows() - queue
	result.CPU, result.Client = float64(used-cpu)/float64(took), float64(s.cpu-sumOf(begun, len(r.nodes)).cpu)/float64(took)
	if s.tally.Deliveries > 0 {
		result.PerOne = float64(used-cpu) / 1e3 / float64(s.tally.Deliveries)
	}
	return s, nil
}

// storm lets all readers go, publishes meanwhile, and has them back at once.
func (r *run) storm(ctx context.Context) (*Result, error) {
	if _, err := r.workers.same(order{Do: doDrop}); err != nil {
		return nil, err
	}
	head, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := publishAll(ctx, r, r.Behind, 0); err != nil {
		return nil, err
	}
	if !wait.For(ctx, min(calm, r.Settle)) {
		return nil, ctx.Err()
	}
	asked, err := sumOfMetric(ctx, r.metrics, statements)
	if err != nil {
		return nil, err
	}
	result := &Result{Messages: r.Behind}
	s, err := r.window(result, head, r.Behind, func() ([]answer, error) {
		return nil, r.await(order{
			Do: doStorm, After: head, Head: head + int64(r.Behind), At: now() + int64(gathering), Within: int64(gathering) + within(r.Readers),
		})
	})
	if err != nil {
		return nil, err
	}
	if result.Statements, err = r.statementsSince(ctx, asked); err != nil {
		return nil, err
	}
	result.Latency, result.First, result.Last, result.Nodes, result.Over = nil, nil, nil, nil, nil // the posts were older than the storm
	if result.Whole != nil {
		result.Seconds = result.Whole.Max / 1e3
		result.PerSecond = float64(s.tally.Deliveries) / result.Seconds
	}
	return result, nil
}

// statements is the nodes' count of what they sent to PostgreSQL, publishing aside.
const statements = "dateline_database_statements_total"

// statementsSince is nil where the metrics are not known.
func (r *run) statementsSince(ctx context.Context, earlier int64) (*int64, error) {
	if len(r.metrics) == 0 {
		return nil, nil
	}
	n, err := sumOfMetric(ctx, r.metrics, statements)
	n -= earlier
	return &n, err
}

// churn lets all readers go and looks what is left of them. Memory goes back to
// the system now and then only, so the servers get all the time there is.
func (r *run) churn(ctx context.Context) (*Result, error) {
	if _, err := r.workers.same(order{Do: doDrop}); err != nil {
		return nil, err
	}
	if !wait.For(ctx, r.Settle) {
		return nil, ctx.Err()
	}
	after, err := r.usage(ctx)
	return &Result{Before: r.before, After: after}, err
}
