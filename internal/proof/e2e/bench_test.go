//go:build linux

package e2e

import (
	"encoding/json"
	"testing"

	"dateline/internal/bench"
	"dateline/internal/proof/pgtest"
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
	if err := json.Unmarshal([]byte(runProgram(t, args...)), &report); err != nil {
		t.Fatal(err)
	}
	return report
}
