package main

import (
	"time"
)

// profile is what a run is made of.
type profile struct {
	name   string
	crew   crew
	acts   []act
	settle time.Duration // between the end of the load and the last sample
	sample time.Duration // between samples
	// goals that a run must reach besides having no violation; zero is none.
	posts, faults, deliveries int
}

// Paces of faults.
var (
	briskly  = pace{Together: 3, Pause: seconds(0.1, 0.4), Scale: 0.35}
	steadily = pace{Together: 3, Pause: seconds(0.3, 1.5), Scale: 1}
	slowly   = pace{Together: 2, Pause: seconds(10, 40), Scale: 1.5}
)

// Crews of the profiles.
var (
	smallCrew = crew{Blogs: 2, Publishers: 6, Rate: 12, Streams: 48, Polls: 8, Slow: 4}
	ciCrew    = crew{Blogs: 3, Publishers: 9, Rate: 12, Streams: 80, Polls: 12, Slow: 8}
	fullCrew  = crew{Blogs: 4, Publishers: 24, Rate: 0, Streams: 180, Polls: 24, Slow: 16}
	soakCrew  = crew{Blogs: 3, Publishers: 6, Rate: 4, Streams: 60, Polls: 8, Slow: 4}
)

// profileOf gives a profile by its name.
func profileOf(o options) profile {
	if o.Only != "" {
		return profile{name: o.Profile, crew: ciCrew, settle: 5 * time.Second, sample: time.Second, acts: []act{mixed("mixed", limits{rounds: 20}, steadily)}}
	}
	switch o.Profile {
	case "short":
		return profile{name: "short", crew: smallCrew, settle: 5 * time.Second, sample: time.Second, acts: []act{
			mixed("mixed", limits{kinds: shortKinds, for_: 35 * time.Second}, briskly),
		}}
	case "ci":
		return profile{name: "ci", crew: ciCrew, settle: 15 * time.Second, sample: time.Second, acts: []act{
			mixed("mixed", limits{for_: 6 * time.Minute}, steadily),
			rolling(1), storm(1000, 100, 50), recovery(3), asynchronous(), restored(),
		}}
	case "soak":
		return profile{name: "soak", crew: soakCrew, settle: time.Minute, sample: 10 * time.Second, acts: []act{
			mixed("soak", limits{for_: o.For}, slowly),
		}}
	}
	return profile{
		name: "full", crew: fullCrew, settle: time.Minute, sample: 2 * time.Second,
		posts: 100_000, faults: 300, deliveries: 10_000_000,
		acts: []act{
			mixed("mixed", limits{posts: 80_000, faults: 300}, steadily),
			rolling(2), storm(5000, 1000, 200), recovery(30), asynchronous(), restored(),
		},
	}
}
