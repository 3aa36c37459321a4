package check

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"dateline/internal/proof/chaos/history"
)

// life is a node between two starts; zero is all of them together.
type life struct{ node, life int }

// usage is what was measured of a node in one phase.
type usage map[string][]int64

// bounds are how much more than before the load each thing may be after it, over
// a tenth: what a few connections and the runtime need. Files are also the node's
// pools of up to 29 connections to the database, which it keeps for a minute.
var bounds = map[string]int64{"goroutines": 16, "files": 48, "bytes resident": 32 << 20}

// judgeSamples compares what nodes use after the load with what they used before.
// A node that was started under load is compared with the others' beginnings.
func (j *judge) judgeSamples() error {
	before, after := map[life]usage{}, map[life]usage{}
	err := eachLine(j, history.SamplesFile, func(s *history.Sample) {
		j.bounded.count("samples", 1)
		switch s.Phase {
		case "baseline":
			note(before, life{s.Node, s.Life}, s)
			note(before, life{}, s)
		case "after":
			note(after, life{s.Node, s.Life}, s)
		}
	})
	for l, used := range after {
		baseline := before[l]
		if baseline == nil {
			baseline = before[life{}]
		}
		j.judgeUsage(l, baseline, used)
	}
	return err
}

func note(phase map[life]usage, l life, s *history.Sample) {
	u := phase[l]
	if u == nil {
		u = usage{}
		phase[l] = u
	}
	u["goroutines"] = append(u["goroutines"], s.Goroutines)
	u["files"] = append(u["files"], s.Files)
	u["bytes resident"] = append(u["bytes resident"], s.Resident)
}

func (j *judge) judgeUsage(l life, before, after usage) {
	if before == nil {
		j.bounded.count("lives without a beginning to compare with", 1)
		return
	}
	j.bounded.count("lives of nodes", 1)
	for what, allowance := range bounds {
		j.bounded.Judged++
		was, is := median(before[what]), median(after[what])
		if is > was+was/10+allowance {
			j.bounded.violation("node %d, life %d: %d %s after the load, %d before", l.node, l.life, is, what, was)
		}
	}
}

// median is the middle of some measurements, of which there is at least one.
func median(all []int64) int64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// alarms are what a program writes when it fails: its own word for a panic that
// it survived, and the runtime's.
var alarms = [][]byte{[]byte(`"msg":"panic`), []byte("panic: "), []byte("fatal error: "), []byte("goroutine "), []byte("DATA RACE")}

// judgeNodes looks for panics and data races in what the nodes wrote.
func (j *judge) judgeNodes() error {
	paths, err := filepath.Glob(filepath.Join(j.path(history.NodesDir), "*.log"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := j.judgeOutput(path); err != nil {
			return err
		}
	}
	return nil
}

func (j *judge) judgeOutput(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	j.bounded.compare("logs of nodes")
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if alarming(lines.Bytes()) {
			j.bounded.violation("%s: %.200s", filepath.Base(path), lines.Text())
		}
	}
	return lines.Err()
}

func alarming(line []byte) bool {
	return slices.ContainsFunc(alarms, func(alarm []byte) bool {
		at := bytes.Index(line, alarm)
		return at == 0 || at > 0 && (alarm[0] == '"' || alarm[0] == 'D')
	})
}
