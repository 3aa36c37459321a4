package check

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// maxTold is how many violations of a guarantee are told in words.
const maxTold = 20

// Report is the verdict on a run.
type Report struct {
	Lines   []Line
	Figures []Figure
}

// Line is the verdict on one guarantee.
type Line struct {
	Guarantee  string // G1 to G11; G0 is the run itself, D5 the log in the database
	What       string
	Judged     int // how many facts were compared; 0 means that nothing was
	Counts     []Count
	N          int      // how many violations there are
	Violations []string // the first of them
}

// Count is a number behind a verdict.
type Count struct {
	Name string
	N    int
}

// Figure is a measurement that no guarantee is judged by.
type Figure struct{ Name, Value string }

// OK reports whether nothing contradicts the guarantees.
func (r Report) OK() bool {
	for _, l := range r.Lines {
		if l.N > 0 {
			return false
		}
	}
	return len(r.Lines) > 0
}

// Violated lists the guarantees that do not hold, in order.
func (r Report) Violated() (guarantees []string) {
	for _, l := range r.Lines {
		if l.N > 0 {
			guarantees = append(guarantees, l.Guarantee)
		}
	}
	return guarantees
}

// String is the report as a table, the violations under their guarantee.
func (r Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "guarantee\tverdict\tcompared\tof these")
	for _, l := range r.Lines {
		fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\n", l.Guarantee, l.What, l.verdict(), grouped(l.Judged), l.counts())
	}
	_ = w.Flush() // into memory
	for _, l := range r.Lines {
		l.tell(&b)
	}
	fmt.Fprintln(&b)
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range r.Figures {
		fmt.Fprintf(w, "%s\t%s\n", f.Name, f.Value)
	}
	_ = w.Flush()
	return b.String()
}

func (l Line) verdict() string {
	switch {
	case l.N > 0:
		return fmt.Sprintf("VIOLATED %s times", grouped(l.N))
	case l.Judged == 0:
		return "not judged"
	default:
		return "holds"
	}
}

func (l Line) counts() string {
	var parts []string
	for _, c := range l.Counts {
		parts = append(parts, grouped(c.N)+" "+c.Name)
	}
	return strings.Join(parts, ", ")
}

// tell lists the violations in words.
func (l Line) tell(b *strings.Builder) {
	if l.N > 0 {
		fmt.Fprintf(b, "\n%s %s:\n", l.Guarantee, l.What)
	}
	for _, v := range l.Violations {
		fmt.Fprintf(b, "  %s\n", v)
	}
	if more := l.N - len(l.Violations); more > 0 {
		fmt.Fprintf(b, "  and %s more\n", grouped(more))
	}
}

// count adds to a number behind the verdict; zero makes it show.
func (l *Line) count(name string, n int) {
	for i := range l.Counts {
		if l.Counts[i].Name == name {
			l.Counts[i].N += n
			return
		}
	}
	l.Counts = append(l.Counts, Count{name, n})
}

// compare counts one comparison under a name.
func (l *Line) compare(name string) {
	l.Judged++
	l.count(name, 1)
}

// violation notes that the guarantee does not hold.
func (l *Line) violation(format string, args ...any) {
	l.N++
	if len(l.Violations) < maxTold {
		l.Violations = append(l.Violations, fmt.Sprintf(format, args...))
	}
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
