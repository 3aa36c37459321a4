//go:build unix

package run

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// planned is one fault of a plan: which, where, when and for how long.
type planned struct {
	Kind   string        `json:"kind"`
	Target int           `json:"target"` // a node, from 1; meaningless to kinds that concern none
	Delay  time.Duration `json:"delay"`  // from the begin of its round
	Hold   time.Duration `json:"hold"`
	Seed   uint64        `json:"seed"` // of what the kind decides by itself
}

func (p planned) String() string {
	return fmt.Sprintf("%s@%d+%v/%v", p.Kind, p.Target, p.Delay.Round(time.Millisecond), p.Hold.Round(time.Millisecond))
}

// round is what is injected together. The next one waits until all of it has
// ended and the readers have recovered.
type round struct {
	Pause  time.Duration `json:"pause"` // before it begins
	Faults []planned     `json:"faults"`
}

func (r round) String() string {
	names := make([]string, len(r.Faults))
	for i, f := range r.Faults {
		names[i] = f.String()
	}
	return strings.Join(names, " ")
}

// plan deals faults from a seed. All that is random in a run's faults comes from
// it, in an order that does not depend on how long anything takes, so that a seed
// gives the same rounds again.
type plan struct {
	random *rand.Rand
	kinds  []kind
	nodes  int
	pace   pace
	deck   []kind // what is left before every kind had its turn
}

// pace says how dense faults come.
type pace struct {
	Together int // at most, in one round
	Pause    span
	Scale    float64 // of the kinds' holding times
}

// span is a range of durations, both ends possible.
type span struct{ Min, Max time.Duration }

func (s span) pick(random *rand.Rand) time.Duration {
	return s.Min + time.Duration(random.Int64N(int64(s.Max-s.Min)+1))
}

// streams of one seed, so that two uses of it are independent.
const (
	seedOfPlan = iota + 1
	seedOfLoad
	seedOfRecovery
)

func newPlan(seed uint64, kinds []kind, nodes int, p pace) *plan {
	return &plan{random: rand.New(rand.NewPCG(seed, seedOfPlan)), kinds: kinds, nodes: nodes, pace: p}
}

// next deals a round: the next kind of the deck, and up to Together-1 more that
// need nothing of what the others hold.
func (p *plan) next() round {
	r := round{Pause: p.pace.Pause.pick(p.random)}
	size := 1 + p.random.IntN(p.pace.Together)
	var held claims
	for len(r.Faults) < size {
		k, target, ok := p.deal(held)
		if !ok {
			break
		}
		held = held.with(k.takes, target)
		r.Faults = append(r.Faults, p.fault(k, target))
	}
	slices.SortStableFunc(r.Faults, func(a, b planned) int { return cmp.Compare(a.Delay, b.Delay) })
	return r
}

// rounds deals until every kind had its turn and there are at least n rounds.
func (p *plan) rounds(n int) (all []round) {
	left := len(p.kinds)
	for len(all) < n || left > 0 {
		r := p.next()
		all = append(all, r)
		left -= len(r.Faults)
	}
	return all
}

func (p *plan) fault(k kind, target int) planned {
	hold := time.Duration(float64(k.hold.pick(p.random)) * p.pace.Scale)
	return planned{
		Kind: k.id, Target: target, Seed: p.random.Uint64(), Hold: hold,
		Delay: time.Duration(p.random.Int64N(int64(400 * time.Millisecond))),
	}
}

// deal takes the first card of the deck that goes with what is held.
func (p *plan) deal(held claims) (k kind, target int, ok bool) {
	if len(p.deck) == 0 {
		p.deck = slices.Clone(p.kinds)
		p.random.Shuffle(len(p.deck), func(i, j int) { p.deck[i], p.deck[j] = p.deck[j], p.deck[i] })
	}
	first := 1 + p.random.IntN(p.nodes)
	for i, k := range p.deck {
		for n := range p.nodes {
			target := 1 + (first-1+n)%p.nodes
			if held.allow(k.takes, target) {
				p.deck = slices.Delete(p.deck, i, i+1)
				return k, target, true
			}
		}
	}
	return kind{}, 0, false
}

// claim is what a fault needs for itself while it lasts.
type claim uint8

// What can be claimed.
const (
	oneNode   claim = 1 << iota // the process or a link of its target
	allNodes                    // of every node
	primary                     // PostgreSQL stays up, and the same server
	standby                     // and its link to the primary
	rows                        // locks on blogs and posts, the schema
	frontDoor                   // nginx
)

// claims is what the faults of a round hold together.
type claims struct {
	shared claim
	nodes  []int
}

// allow reports whether another fault fits in: one node at least stays whole.
func (c claims) allow(takes claim, target int) bool {
	if c.shared&takes&^oneNode != 0 {
		return false
	}
	touches := c.shared&allNodes != 0 || len(c.nodes) > 0
	switch {
	case takes&allNodes != 0:
		return !touches
	case takes&oneNode != 0:
		return c.shared&allNodes == 0 && len(c.nodes) < 2 && !slices.Contains(c.nodes, target)
	}
	return true
}

func (c claims) with(takes claim, target int) claims {
	c.shared |= takes &^ oneNode
	if takes&oneNode != 0 {
		c.nodes = append(slices.Clone(c.nodes), target)
	}
	return c
}
