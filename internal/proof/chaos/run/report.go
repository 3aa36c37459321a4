//go:build unix

package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dateline/internal/proof/chaos/history"
)

// report is the whole run as text that is Markdown as well.
func (r *run) report(missed []string) string {
	var b strings.Builder
	posts, faults, reads := r.sums()
	fmt.Fprintf(&b, "# Chaos run, profile %s, seed %d\n\n%s; %s in %v\n\n", r.profile.name, r.seed, r.versions,
		r.began.Format(time.DateTime), time.Since(r.began).Round(time.Second))
	fmt.Fprintf(&b, "Verdict: %s. %d posts acknowledged, %d deliveries judged, %d faults injected.\n", r.verdict(missed), posts, reads, faults)
	b.WriteString("\n## Faults\n\n" + r.faultTable())
	for _, res := range r.results {
		res.write(&b)
	}
	return b.String()
}

func (r *run) verdict(missed []string) string {
	switch {
	case !r.ok():
		return "VIOLATED"
	case len(missed) > 0:
		return "all guarantees hold, goals missed (" + strings.Join(missed, ", ") + ")"
	default:
		return "all guarantees hold"
	}
}

// row is what became of one kind of fault.
type row struct {
	kind, name string
	times      int
	recovery   []time.Duration
	errors     []string
}

// faultTable counts the faults of all acts.
func (r *run) faultTable() string {
	rows := map[string]*row{}
	for _, res := range r.results {
		for _, f := range res.faults {
			count(rows, f)
		}
	}
	var b strings.Builder
	b.WriteString("| fault | what | times | readers back after, median and worst | could not be made |\n|---|---|---|---|---|\n")
	for _, one := range inOrder(rows) {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", one.kind, one.name, one.times, spread(one.recovery), strings.Join(one.errors, "; "))
	}
	return b.String()
}

func count(rows map[string]*row, f history.Fault) {
	one := rows[f.Kind]
	if one == nil {
		one = &row{kind: f.Kind, name: f.Name}
		rows[f.Kind] = one
	}
	if f.Error != "" {
		if text := fmt.Sprintf("%.120s", f.Error); !slices.Contains(one.errors, text) {
			one.errors = append(one.errors, text)
		}
		return
	}
	one.times++
	if f.Recovered > 0 {
		one.recovery = append(one.recovery, time.Duration(max(0, f.Recovered-f.Ended)))
	}
}

// inOrder sorts F2 before F10.
func inOrder(rows map[string]*row) []*row {
	var all []*row
	for _, one := range rows {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *row) int {
		if len(a.kind) != len(b.kind) {
			return len(a.kind) - len(b.kind)
		}
		return strings.Compare(a.kind, b.kind)
	})
	return all
}

func spread(all []time.Duration) string {
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return fmt.Sprintf("%v, %v", all[len(all)/2].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond))
}

// write adds what an act proved and measured.
func (r *result) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Act %s (%v)\n\n```\n%s```\n", r.name, r.took.Round(time.Second), r.report)
	for _, f := range r.figures {
		fmt.Fprintf(b, "- %s: %s\n", f.Name, f.Value)
	}
	if r.took >= longEnough {
		r.writeGrowth(b)
	}
	for _, w := range r.wrongs {
		fmt.Fprintf(b, "- VIOLATED: %s\n", w)
	}
}

// longEnough is how long an act must last for its growth to mean something.
const longEnough = 10 * time.Minute

// writeGrowth tells what nodes used more and more of.
func (r *result) writeGrowth(b *strings.Builder) {
	for _, s := range []struct {
		what   string
		figure func(history.Sample) int64
	}{
		{"goroutines", func(s history.Sample) int64 { return s.Goroutines }},
		{"open files", func(s history.Sample) int64 { return s.Files }},
		{"resident bytes", func(s history.Sample) int64 { return s.Resident }},
	} {
		fmt.Fprintf(b, "- growth of %s of a node: %.0f an hour\n", s.what, slope(r.samples, s.figure))
	}
}
