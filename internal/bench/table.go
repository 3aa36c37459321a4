package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// row is one figure of a scenario; it is left out where no server has it.
type row struct {
	name string
	of   func(*Result) (float64, bool)
}

func always(of func(*Result) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) { return of(r), true }
}

func notZero(of func(*Result) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) { n := of(r); return n, n != 0 }
}

func times(which func(*Result) *Quantiles, part func(*Quantiles) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		q := which(r)
		if q == nil {
			return 0, false
		}
		return part(q), true
	}
}

func told(which func(*Result) *int64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		n := which(r)
		if n == nil {
			return 0, false
		}
		return float64(*n), true
	}
}

func held(which func(*Result) *Usage, part func(*Usage) float64) func(*Result) (float64, bool) {
	return func(r *Result) (float64, bool) {
		u := which(r)
		if u == nil {
			return 0, false
		}
		n := part(u)
		return n, n != 0
	}
}

func memory(u *Usage) float64     { return u.Memory }
func files(u *Usage) float64      { return float64(u.Files) }
func goroutines(u *Usage) float64 { return float64(u.Goroutines) }

func p50(q *Quantiles) float64  { return q.P50 }
func p99(q *Quantiles) float64  { return q.P99 }
func most(q *Quantiles) float64 { return q.Max }

// rows are all figures in the order of the table.
var rows = []row{
	{"memory per stream, KB", notZero(func(r *Result) float64 { return r.Memory })},
	{"memory of the server, MB", notZero(func(r *Result) float64 { return r.RSS })},
	{"CPU per delivery, us", notZero(func(r *Result) float64 { return r.PerOne })},
	{"CPU, cores", notZero(func(r *Result) float64 { return r.CPU })},
	{"CPU of the readers, cores", always(func(r *Result) float64 { return r.Client })},
	{"posts per second", notZero(func(r *Result) float64 { return r.PostsASecond })},
	{"deliveries", notZero(func(r *Result) float64 { return float64(r.Deliveries) })},
	{"deliveries per second", notZero(func(r *Result) float64 { return r.PerSecond })},
	{"first post to last delivery, s", notZero(func(r *Result) float64 { return r.Seconds })},
	{"delivery p50, ms", times(func(r *Result) *Quantiles { return r.Latency }, p50)},
	{"delivery p99, ms", times(func(r *Result) *Quantiles { return r.Latency }, p99)},
	{"delivery, slowest, ms", times(func(r *Result) *Quantiles { return r.Latency }, most)},
	{"last reader p50, ms", times(func(r *Result) *Quantiles { return r.Last }, p50)},
	{"last reader p99, ms", times(func(r *Result) *Quantiles { return r.Last }, p99)},
	{"first reader p50, ms", times(func(r *Result) *Quantiles { return r.First }, p50)},
	{"commit p50, ms", times(func(r *Result) *Quantiles { return r.Commit }, p50)},
	{"commit p99, ms", times(func(r *Result) *Quantiles { return r.Commit }, p99)},
	{"first reader over commit p50, ms", times(func(r *Result) *Quantiles { return r.Over }, p50)},
	{"between nodes p50, ms", times(func(r *Result) *Quantiles { return r.Nodes }, p50)},
	{"whole p50, ms", times(func(r *Result) *Quantiles { return r.Whole }, p50)},
	{"whole p99, ms", times(func(r *Result) *Quantiles { return r.Whole }, p99)},
	{"last one whole, ms", times(func(r *Result) *Quantiles { return r.Whole }, most)},
	{"SQL statements", told(func(r *Result) *int64 { return r.Statements })},
	{"accept queue overflows", func(r *Result) (float64, bool) { return float64(r.Queue), r.Queue != 0 || r.Scenario == "storm" }},
	{"missing", always(func(r *Result) float64 { return float64(r.Missing) })},
	{"doubled", always(func(r *Result) float64 { return float64(r.Doubled) })},
	{"reordered", always(func(r *Result) float64 { return float64(r.Reordered) })},
	{"resets", always(func(r *Result) float64 { return float64(r.Resets) })},
	{"streams closed", always(func(r *Result) float64 { return float64(r.Closed) })},
	{"turned away", always(func(r *Result) float64 { return float64(r.TurnedAway) })},
	{"slow or silent, closed", notZero(func(r *Result) float64 { return float64(r.Siege) })},
}

// churnRows are the rows about memory after all readers have left.
var churnRows = []row{
	{"memory before, MB", held(func(r *Result) *Usage { return r.Before }, memory)},
	{"memory after, MB", held(func(r *Result) *Usage { return r.After }, memory)},
	{"open files before", held(func(r *Result) *Usage { return r.Before }, files)},
	{"open files after", held(func(r *Result) *Usage { return r.After }, files)},
	{"goroutines before", held(func(r *Result) *Usage { return r.Before }, goroutines)},
	{"goroutines after", held(func(r *Result) *Usage { return r.After }, goroutines)},
}

// Print writes the report as a table for people.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d cores, Linux %s, %s; load before %s\n", r.Host.Cores, r.Host.Kernel, r.Host.Go, r.Host.Load)
	if r.Frame > 0 {
		fmt.Fprintf(w, "posts of %d bytes, %d on the wire\n", r.Payload, r.Frame)
	}
	for _, scenario := range []string{"idle", "steady", "burst", "siege", "storm", "churn"} {
		floor, server := r.find(scenario, nameFloor), r.find(scenario, nameServer)
		if known := firstOf(server, floor); known != nil {
			fmt.Fprintf(w, "\n%-34s %12s %12s %8s\n", title(known), "floor", "server", "ratio")
			printRows(w, rowsOf(scenario), floor, server)
		}
	}
}

func rowsOf(scenario string) []row {
	if scenario == "churn" {
		return churnRows
	}
	return rows
}

func (r *Report) find(scenario, server string) *Result {
	for i := range r.Results {
		if one := &r.Results[i]; one.Scenario == scenario && one.Server == server {
			return one
		}
	}
	return nil
}

func firstOf(results ...*Result) *Result {
	for _, r := range results {
		if r != nil {
			return r
		}
	}
	return nil
}

func title(r *Result) string {
	text := fmt.Sprintf("%s: %d readers", strings.ToUpper(r.Scenario[:1])+r.Scenario[1:], r.Readers)
	if r.Messages > 0 {
		text += fmt.Sprintf(", %d posts", r.Messages)
	}
	return text
}

func printRows(w io.Writer, rows []row, floor, server *Result) {
	for _, row := range rows {
		low, isLow := figure(row, floor)
		own, isOwn := figure(row, server)
		if !isLow && !isOwn {
			continue
		}
		fmt.Fprintf(w, "  %-32s %12s %12s %8s\n", row.name, cell(low, isLow), cell(own, isOwn), cell(own/low, isLow && isOwn && low != 0))
	}
}

func figure(r row, of *Result) (float64, bool) {
	if of == nil {
		return 0, false
	}
	return r.of(of)
}

// cell writes a figure with what can be told apart of it.
func cell(n float64, known bool) string {
	switch {
	case !known:
		return "-"
	case n == float64(int64(n)) || n >= 1000 || n <= -1000:
		return strconv.FormatInt(int64(n+0.5), 10)
	default:
		return strconv.FormatFloat(n, 'f', 2, 64)
	}
}
