package server

import "time"

// generations is a map of bounded size that costs the same whatever it holds.
// What was used lately is in the young half; when that is full, or old enough, it
// becomes the old half, and what was in the old one is forgotten. It needs a lock
// around it.
type generations[K comparable, V any] struct {
	most       int // of a half
	life       time.Duration
	young, old map[K]V
	turned     time.Time
}

func newGenerations[K comparable, V any](most int, life time.Duration) *generations[K, V] {
	return &generations[K, V]{most: most, life: life, young: map[K]V{}, turned: time.Now()}
}

// get finds what is kept under a key, and keeps it for longer.
func (g *generations[K, V]) get(key K) (V, bool) {
	g.turn()
	if v, found := g.young[key]; found {
		return v, true
	}
	v, found := g.old[key]
	if found {
		g.put(key, v)
	}
	return v, found
}

func (g *generations[K, V]) put(key K, v V) {
	g.turn()
	g.young[key] = v
}

func (g *generations[K, V]) forget(key K) {
	delete(g.young, key)
	delete(g.old, key)
}

func (g *generations[K, V]) turn() {
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
