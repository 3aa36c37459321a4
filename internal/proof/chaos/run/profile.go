//go:build unix

package run

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// profile is what a run is made of.
type profile struct {
	name     string
	workload workload
	acts     []act
	settle   time.Duration // between the end of the load and the last sample
	sample   time.Duration // between samples
	// goals that a run must reach besides having no violation; zero is none.
	posts, faults, deliveries int
}

// Paces of faults.
var (
	briskly  = pace{Together: 3, Pause: seconds(0.1, 0.4), Scale: 0.35}
	steadily = pace{Together: 3, Pause: seconds(0.3, 1.5), Scale: 1}
	densely  = pace{Together: 3, Pause: seconds(0.2, 0.8), Scale: 0.5}
	slowly   = pace{Together: 2, Pause: seconds(10, 40), Scale: 1.5}
)

// Workloads of the profiles.
var (
	smallWorkload = workload{Blogs: 2, Publishers: 6, Rate: 12, Streams: 48, Polls: 8, Slow: 4, Stay: 15 * time.Second}
	ciWorkload    = workload{Blogs: 3, Publishers: 9, Rate: 12, Streams: 80, Polls: 12, Slow: 8, Stay: 15 * time.Second}
	fullWorkload  = workload{Blogs: 2, Publishers: 24, Rate: 0, Streams: 180, Polls: 24, Slow: 16, Stay: 15 * time.Second}
	soakWorkload  = workload{Blogs: 3, Publishers: 6, Rate: 4, Streams: 60, Polls: 8, Slow: 4, Stay: 15 * time.Second}
)

// briefly is how long nodes settle after acts that last for a minute.
const briefly = 8 * time.Second

// shortKinds are quick to lift and to recover from.
const shortKinds = "F1,F2,F4,F5,F6,F7,F10,F11,F12,F13,F15,F16,F17,F18,F20,F21,F22,F26,F27,F28,F29,F32,F33,F35,F37,F39,F41,F42,F43"

// profileOf gives the profile that options ask for.
func profileOf(o Options) (profile, error) {
	p := named(o)
	if o.Acts == "" {
		return p, nil
	}
	all := p.acts
	p.acts, p.posts, p.faults, p.deliveries = nil, 0, 0, 0
	for name := range strings.SplitSeq(o.Acts, ",") {
		i := slices.IndexFunc(all, func(a act) bool { return a.name == name })
		if i < 0 {
			return p, fmt.Errorf("--acts: profile %s has no act %q", p.name, name)
		}
		p.acts = append(p.acts, all[i])
	}
	return p, nil
}

// named gives a profile by its name.
func named(o Options) profile {
	if o.Only != "" {
		return profile{name: o.Profile, workload: ciWorkload, settle: 5 * time.Second, sample: time.Second, acts: []act{mixed("mixed", limits{only: o.Only, rounds: 20}, steadily)}}
	}
	switch o.Profile {
	case "short":
		return profile{name: "short", workload: smallWorkload, settle: 5 * time.Second, sample: time.Second, acts: []act{
			mixed("mixed", limits{only: shortKinds, lasts: 30 * time.Second, faults: 15}, briskly),
		}}
	case "ci":
		return profile{name: "ci", workload: ciWorkload, settle: 15 * time.Second, sample: time.Second, acts: []act{
			mixed("mixed", limits{lasts: 3 * time.Minute}, steadily),
			rolling(1), storm(1000, 100, 50), recovery(3), asynchronous(), restored(), putBack(restorations[:4]),
			horizon(15 * time.Second), flooded(15 * time.Second), reopened(2), browsed(10*time.Second, false), fullDisks(1),
		}}
	case "soak":
		return profile{name: "soak", workload: soakWorkload, settle: time.Minute, sample: 10 * time.Second, acts: []act{
			mixed("soak", limits{lasts: o.For}, slowly),
		}}
	}
	return profile{
		name: "full", workload: fullWorkload, settle: time.Minute, sample: 2 * time.Second,
		posts: 100_000, faults: 300, deliveries: 10_000_000,
		acts: []act{
			mixed("mixed", limits{faults: 300, posts: 40_000}, densely), plain(70_000),
			rolling(2), storm(5000, 1000, 200), recovery(30), asynchronous(), restored(), putBack(restorations),
			horizon(2 * time.Minute), flooded(time.Minute), reopened(6), browsed(time.Minute, true), fullDisks(3),
		},
	}
}
