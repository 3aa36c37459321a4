package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dateline/internal/proof/chaos/history"
)

// figures are the measurements of the run.
func (j *judge) figures() []Figure {
	figures := []Figure{
		{"seed, profile", fmt.Sprintf("%d, %s", j.run.Seed, j.run.Profile)},
		{"versions", j.run.Versions},
		{"lasted", time.Duration(j.run.Ended - j.run.Began).Round(time.Second).String()},
		{"posts acknowledged", grouped(int(j.created))},
		{"deliveries judged", grouped(j.events)},
		{"readers", grouped(j.readers)},
		{"slowest answer to a publisher", time.Duration(j.slowest).Round(time.Millisecond).String()},
		{"resets", counted(j.resets)},
		{"faults", j.injected()},
	}
	return append(figures, j.recoveries()...)
}

func (j *judge) injected() string {
	kinds, failed := map[string]int{}, 0
	for _, f := range j.faults {
		if f.Error != "" {
			failed++
			continue
		}
		kinds[f.Kind]++
	}
	text := fmt.Sprintf("%d of %d kinds: %s", len(j.faults)-failed, len(kinds), counted(kinds))
	if failed > 0 {
		text += fmt.Sprintf("; %d could not be made", failed)
	}
	return text
}

// counted lists names with their numbers, F2 before F10.
func counted(numbers map[string]int) string {
	var names []string
	for name := range numbers {
		names = append(names, name)
	}
	slices.SortFunc(names, natural)
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, numbers[name]))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// natural orders names by their length first, which puts F2 before F10.
func natural(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// recoveries are, for each kind of fault, how long after its end every healthy
// reader had a new event.
func (j *judge) recoveries() (figures []Figure) {
	took := map[string][]time.Duration{}
	for i := range j.faults {
		if f := &j.faults[i]; f.Recovered != 0 {
			name := f.Kind + " " + f.Name
			took[name] = append(took[name], recovery(f))
		}
	}
	names := make([]string, 0, len(took))
	for name := range took {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		kindA, _, _ := strings.Cut(a, " ")
		kindB, _, _ := strings.Cut(b, " ")
		if kindA != kindB {
			return natural(kindA, kindB)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		figures = append(figures, Figure{"recovery after " + name, percentiles(took[name])})
	}
	return figures
}

func recovery(f *history.Fault) time.Duration {
	return time.Duration(max(f.Recovered-max(f.Ended, f.Began), 0))
}

func percentiles(all []time.Duration) string {
	slices.Sort(all)
	at := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1].Round(time.Millisecond) }
	return fmt.Sprintf("%d times: half within %s, 99 %% within %s, longest %s", len(all), at(50), at(99), at(100))
}
