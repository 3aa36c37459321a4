//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"dateline/internal/bench"
	"dateline/internal/pgtest"
)

// TestBench_Self runs a node among 200 readers and wants all of them to get all
// there is, whatever happens.
func TestBench_Self(t *testing.T) {
	t.Parallel()
	report := benchSelf(t, "--floor", "--burst=20", "--storm", "--behind=20", "--silent=5", "--slow=5@100", "--churn")
	if len(report.Results) != 11 || !report.Sound() {
		t.Errorf("%d results, sound: %v", len(report.Results), report.Sound())
	}
	for _, r := range report.Results {
		if want := uint64(r.Readers * r.Messages); r.Deliveries != want {
			t.Errorf("%s of %s: %d deliveries, want %d", r.Scenario, r.Server, r.Deliveries, want)
		}
		if r.Scenario == "steady" && (r.Last == nil || r.CPU <= 0 || r.Latency.P50 <= 0) {
			t.Errorf("steady of %s: %+v", r.Server, r)
		}
		if r.Scenario == "storm" && r.Server != "floor" && (r.Statements == nil || *r.Statements > 10) {
			t.Errorf("storm: %v SQL statements", r.Statements)
		}
		if r.Scenario == "churn" && (r.Before.Files == 0 || r.After.Goroutines == 0 || r.After.Memory == 0) {
			t.Errorf("churn: %+v, %+v", r.Before, r.After)
		}
	}
}

// TestBench_TwoNodes wants the second node's readers to be told about as well.
func TestBench_TwoNodes(t *testing.T) {
	t.Parallel()
	report := benchSelf(t, "--nodes=2")
	steady := report.Results[len(report.Results)-1]
	if steady.Nodes == nil || steady.Deliveries != uint64(steady.Readers*steady.Messages) {
		t.Errorf("%+v", steady)
	}
}

func benchSelf(t *testing.T, args ...string) (report bench.Report) {
	t.Helper()
	args = append([]string{"bench", "--self", "--json", "--readers=200", "--rate=50", "--duration=400ms", "--settle=0s",
		"--database-url=" + pgtest.DSN(t)}, args...)
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env, cmd.Stderr = append(cmd.Environ(), asProgram+"=1"), &log
	in, err := cmd.StdinPipe() // the program ends with its input
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &log)
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	return report
}

func TestBench_Refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"bench --url=http://192.0.2.1:80 --token=s3cret", "--allow-remote"},
		{"bench --url=http://127.0.0.1:1", "DATELINE_TOKEN"},
		{"bench --self --url=http://127.0.0.1:1", "leave out"},
		{"bench --slow=many", "200@100"},
		{"bench --token=s3cret --url=http://127.0.0.1:1 -- --compress", "need --self"},
		{"bench --self --nodes=100", "1 to 8"},
		{"bench --token=s3cret --readers=1000000 --url=http://127.0.0.1:1", "--readers"},
	} {
		_, err := do(t, "", strings.Fields(test.args)...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", test.args, err, test.want)
		}
	}
}

// Nodes that share the readers each have files for their share of them.
func TestBench_StreamsOfEachNode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ readers, nodes, files int }{{18_000, 1, 20_000}, {96_000, 6, 20_000}, {100_000, 6, 20_000}} {
		room, err := divideFiles(tt.files, streamsOfEach(tt.readers, tt.nodes))
		if err != nil || room.streams*tt.nodes < tt.readers {
			t.Errorf("%d readers of %d nodes: %d streams each, %v", tt.readers, tt.nodes, room.streams, err)
		}
	}
}
