//go:build unix

package run

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/wait"
)

// links are the ways from nodes to PostgreSQL; node 0 is all nodes.
func (s *stage) links(number int) (links []*netfault.Proxy) {
	for _, n := range s.bed.Nodes() {
		if number == 0 || n.Number == number {
			links = append(links, n.Database...)
		}
	}
	return links
}

// lost is a way that swallows all and says nothing.
var lost = netfault.Way{Swallow: true}

// under sets a condition on links while f.Hold lasts.
func under(ctx context.Context, links []*netfault.Proxy, c netfault.Conditions, d time.Duration) {
	for _, l := range links {
		l.Set(c)
	}
	wait.For(ctx, d)
	for _, l := range links {
		l.Clear()
	}
}

func slowLink(ctx context.Context, s *stage, f planned) (string, error) {
	way := netfault.Way{Latency: 100 * time.Millisecond, BytesPerSecond: 64 << 10, Slice: 64}
	under(ctx, s.links(f.Target), netfault.Conditions{Up: way, Down: way}, f.Hold)
	return "", nil
}

// cutDatabase resets the connections and refuses new ones, as a router does that
// has lost its way.
func cutDatabase(ctx context.Context, s *stage, f planned) (string, error) {
	links := s.links(0)
	for _, l := range links {
		l.Refuse(true)
		l.Cut()
	}
	wait.For(ctx, f.Hold)
	for _, l := range links {
		l.Refuse(false)
	}
	return "", nil
}

func blackHoleDatabase(ctx context.Context, s *stage, f planned) (string, error) {
	under(ctx, s.links(0), netfault.Conditions{Up: lost, Down: lost}, f.Hold)
	return "", nil
}

func loseAnswers(ctx context.Context, s *stage, f planned) (string, error) {
	under(ctx, s.links(f.Target), netfault.LostAnswers, f.Hold)
	return "", nil
}

// loseCommits swallows answers for a moment and then cuts, again and again: the
// node can't know what became of what it sent.
func loseCommits(ctx context.Context, s *stage, f planned) (string, error) {
	random := f.random()
	links := s.links(f.Target)
	for ends := time.Now().Add(f.Hold); time.Now().Before(ends) && ctx.Err() == nil; {
		under(ctx, links, netfault.LostAnswers, moment(random, 60))
		wait.For(ctx, moment(random, 200))
	}
	return "", nil
}

// moment is up to so many milliseconds.
func moment(random *rand.Rand, most int) time.Duration {
	return time.Duration(1+random.IntN(most)) * time.Millisecond
}

// blackHoleHost swallows all that nodes send to the host that is not the
// primary, and makes them look for the primary anew.
func blackHoleHost(ctx context.Context, s *stage, f planned) (string, error) {
	if s.bed.Standby() == nil {
		return "", errNotHere
	}
	links := s.linksTo(s.bed.Standby())
	for _, l := range links {
		l.Hang(true)
	}
	err := s.terminate(ctx, `application_name LIKE 'dateline%'`)
	under(ctx, links, netfault.Conditions{Up: lost, Down: lost}, f.Hold)
	for _, l := range links {
		l.Hang(false)
	}
	return "", err
}

// halfOpenListener makes the connection that brings a node its notifications
// silent, and no other.
func halfOpenListener(ctx context.Context, s *stage, f planned) (string, error) {
	lift, err := s.silence(ctx, f.Target, ofListeners)
	if err != nil {
		return "", err
	}
	wait.For(ctx, f.Hold)
	lift()
	return "", nil
}

// ofListeners is the condition on pg_stat_activity for listeners' connections.
const ofListeners = `application_name = 'dateline listener'`

// silence finds connections among those of a node's link to the primary, by a
// condition on pg_stat_activity, and lets them hang: PostgreSQL knows which ports
// they come from.
func (s *stage) silence(ctx context.Context, number int, where string) (lift func(), err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT client_port FROM pg_stat_activity WHERE client_port > 0 AND `+where)
	if err != nil {
		return nil, err
	}
	ports, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, err
	}
	for _, link := range s.links(number) {
		for _, port := range ports {
			if link.SetOn(port, netfault.Conditions{Up: lost, Down: lost}) {
				lift = link.Clear
			}
		}
	}
	if lift == nil {
		return nil, errMixed
	}
	return lift, nil
}
