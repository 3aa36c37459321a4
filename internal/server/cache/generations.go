package cache

import "time"

// Generations is a map of bounded size whose operations take the same time however
// much it holds. Entries that were used recently are in the young half. When that is full,
// or old enough, it becomes the old half, and the entries of the former old half are
// dropped. Callers hold a lock around it.
type Generations[K comparable, V any] struct {
	most       int // entries of one half
	life       time.Duration
	young, old map[K]V
	turned     time.Time
}

// NewGenerations makes a map of at most two times most entries. It keeps an unused entry for
// at least life and at most twice as long.
func NewGenerations[K comparable, V any](most int, life time.Duration) *Generations[K, V] {
	return &Generations[K, V]{most: most, life: life, young: map[K]V{}, turned: time.Now()}
}

// Get finds the entry of a key and keeps it for longer.
func (g *Generations[K, V]) Get(key K) (V, bool) {
	g.turn()
	if v, found := g.young[key]; found {
		return v, true
	}
	v, found := g.old[key]
	if found {
		g.Put(key, v)
	}
	return v, found
}

// Put sets the entry of a key.
func (g *Generations[K, V]) Put(key K, v V) {
	g.turn()
	g.young[key] = v
}

// Forget drops the entry of a key.
func (g *Generations[K, V]) Forget(key K) {
	delete(g.young, key)
	delete(g.old, key)
}

// Len is how many entries the map holds; one that is in both halves counts twice.
func (g *Generations[K, V]) Len() int { return len(g.young) + len(g.old) }

func (g *Generations[K, V]) turn() {
	now := time.Now()
	switch age := now.Sub(g.turned); {
	case age > 2*g.life:
		g.young, g.old = map[K]V{}, nil
	case age > g.life || len(g.young) >= g.most:
		g.young, g.old = map[K]V{}, g.young
	default:
		return
	}
	g.turned = now
}
