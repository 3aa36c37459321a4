//go:build unix

package run

import (
	"context"
	"sync"
	"time"

	"dateline/internal/proof/chaos/history"
)

// Phases of an act, as samples name them.
const (
	phaseBaseline = "baseline"
	phaseLoad     = "load"
	phaseAfter    = "after"
)

// sampler records what the nodes use, at every tick and on demand.
type sampler struct {
	stage *stage
	log   *history.Log
	mu    sync.Mutex
	phase string
	all   []history.Sample
}

// enter begins a phase and takes a sample in it.
func (s *sampler) enter(ctx context.Context, phase string) {
	s.mu.Lock()
	s.phase = phase
	s.mu.Unlock()
	s.sample(ctx)
}

// run takes samples until ctx ends.
func (s *sampler) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sample(ctx)
		}
	}
}

// sample asks every node. One that is away has nothing to tell.
func (s *sampler) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, n := range s.stage.bed.Nodes() {
		life := n.Life()
		m, err := n.Metrics(ctx)
		if err != nil || life != n.Life() {
			continue
		}
		s.add(history.Sample{
			At: time.Now().UnixNano(), Node: n.Number, Life: life,
			Goroutines: int64(m["go_goroutines"]), Files: int64(m["process_open_fds"]),
			Resident: int64(m["process_resident_memory_bytes"]), Heap: int64(m["go_memstats_heap_inuse_bytes"]),
			Streams: int64(m["dateline_streams"]),
		})
	}
}

func (s *sampler) add(one history.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.Phase = s.phase
	s.all = append(s.all, one)
	s.log.Add(one)
}

// slope is how much a figure of the nodes grows in an hour under load, by the
// least squares over the samples of each node's longest life, in the figure's
// own units; the worst node's.
func slope(samples []history.Sample, figure func(history.Sample) int64) float64 {
	worst := 0.0
	for _, life := range longestLives(samples) {
		worst = max(worst, trend(life, figure))
	}
	return worst
}

// longestLives are the samples under load of the life that each node had most of.
func longestLives(samples []history.Sample) map[int][]history.Sample {
	type key struct{ node, life int }
	lives := map[key][]history.Sample{}
	for _, s := range samples {
		if s.Phase == phaseLoad {
			k := key{s.Node, s.Life}
			lives[k] = append(lives[k], s)
		}
	}
	longest := map[int][]history.Sample{}
	for k, list := range lives {
		if len(list) > len(longest[k.node]) {
			longest[k.node] = list
		}
	}
	return longest
}

// trend is the slope of a line through the samples, per hour.
func trend(samples []history.Sample, figure func(history.Sample) int64) float64 {
	if len(samples) < 2 {
		return 0
	}
	var n, sumX, sumY, sumXX, sumXY float64
	for _, s := range samples {
		x := time.Duration(s.At - samples[0].At).Hours()
		y := float64(figure(s))
		n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	spread := n*sumXX - sumX*sumX
	if spread == 0 {
		return 0
	}
	return (n*sumXY - sumX*sumY) / spread
}
