//go:build unix

package run

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dateline/internal/proof/chaos/check"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/chaos/load"
)

// farewell is a reader's goodbye from a node that leaves, and its return.
type farewell struct{ bye, back int64 }

// drainGap tells one restart of a node from its next.
const drainGap = 5 * time.Second

// drains measures how the reconnects of each restart spread: from the first
// goodbye to the last return of the readers of one node.
func drains(dir string) (check.Figure, error) {
	nodes := map[int][]farewell{}
	files, err := os.ReadDir(filepath.Join(dir, history.ReadersDir))
	if err != nil {
		return check.Figure{}, err
	}
	for _, f := range files {
		if err := farewells(filepath.Join(dir, history.ReadersDir, f.Name()), nodes); err != nil {
			return check.Figure{}, err
		}
	}
	var spreads []time.Duration
	readers := 0
	for _, all := range nodes {
		spreads = append(spreads, restarts(all)...)
		readers += len(all)
	}
	return check.Figure{Name: "reconnects of one node's readers spread over, median and longest", Value: fmt.Sprintf("%s (%d goodbyes)", spread(spreads), readers)}, nil
}

// farewells reads one reader's. Of those that came through the balancer nobody
// knows whose they were.
func farewells(path string, nodes map[int][]farewell) error {
	var left *farewell
	node := 0
	return history.Follow(path, func(history.Reader) {}, func(s *history.Seen) {
		switch {
		case s.Kind == history.Bye:
			left, node = &farewell{bye: s.At}, s.Node
		case s.Kind == history.Open && left != nil:
			left.back = s.At
			if node != load.Front {
				nodes[node] = append(nodes[node], *left)
			}
			left = nil
		}
	})
}

// restarts gives how long each took.
func restarts(all []farewell) (out []time.Duration) {
	slices.SortFunc(all, func(a, b farewell) int { return int(a.bye/1e6 - b.bye/1e6) })
	for len(all) > 0 {
		n, last := 1, all[0].back
		for n < len(all) && all[n].bye-all[n-1].bye < int64(drainGap) {
			last = max(last, all[n].back)
			n++
		}
		out = append(out, time.Duration(last-all[0].bye))
		all = all[n:]
	}
	return out
}
