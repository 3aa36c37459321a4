package bench

import (
	"os"
	"strings"
	"testing"
)

func TestMetricIn(t *testing.T) {
	t.Parallel()
	const page = "# HELP sent Statements.\n# TYPE sent counter\nsent{pool=\"log\"} 12\nsent{pool=\"reads\"} 30\nsent_other 7\ngo_goroutines 2.5e+01\nbroken x\n"
	for _, test := range []struct {
		name string
		want int64
		err  string
	}{
		{"sent", 42, ""},
		{"sent_other", 7, ""},
		{"go_goroutines", 25, ""},
		{"broken", 0, `broken is "x"`},
		{"absent", 0, "there is no absent"},
	} {
		got, err := metricIn(strings.NewReader(page), test.name)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
			t.Errorf("%s: %d, %v, want %d, %q", test.name, got, err, test.want, test.err)
		}
	}
}

func TestFilesOf_CountsOneMore(t *testing.T) {
	before, err := filesOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if after, err := filesOf(os.Getpid()); err != nil || after != before+1 {
		t.Errorf("%d files, then %d, %v", before, after, err)
	}
}

// What counts most in a storm is told even when it is 0.
func TestPrint_TellsZeroesOfAStorm(t *testing.T) {
	t.Parallel()
	none := int64(0)
	r := Report{Results: []Result{
		{Scenario: "steady", Server: nameServer},
		{Scenario: "storm", Server: nameServer, Statements: &none},
		{Scenario: "churn", Server: nameServer, Before: &Usage{Memory: 40, Files: 20, Goroutines: 30}, After: &Usage{Memory: 41, Files: 20, Goroutines: 30}},
	}}
	steady, rest, _ := strings.Cut(printed(&r), "Storm:")
	storm, churn, _ := strings.Cut(rest, "Churn:")
	for _, row := range []string{"accept queue overflows", "SQL statements"} {
		if strings.Contains(steady, row) || !strings.Contains(storm, row) || strings.Contains(churn, row) {
			t.Errorf("%q belongs to the storm, in\n%s", row, printed(&r))
		}
	}
	if !strings.Contains(churn, "open files after") || !strings.Contains(churn, "goroutines before") {
		t.Errorf("no usage in\n%s", churn)
	}
}
