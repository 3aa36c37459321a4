//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"dateline/internal/wait"
)

// random gives what a fault decides by itself.
func (p planned) random() *rand.Rand { return rand.New(rand.NewPCG(p.Seed, 1)) }

// killOften kills a node at random moments of its publishing, and starts it
// again each time.
func killOften(ctx context.Context, s *stage, f planned) (string, error) {
	random := f.random()
	ends := time.Now().Add(f.Hold)
	kills := 0
	for time.Now().Before(ends) && ctx.Err() == nil {
		wait.For(ctx, time.Duration(random.Int64N(int64(300*time.Millisecond))))
		if err := s.killed(ctx, f.Target, func() {}); err != nil {
			return "", err
		}
		kills++
	}
	return fmt.Sprintf("%d times", kills), nil
}

func killNode(ctx context.Context, s *stage, f planned) (string, error) {
	return "", s.killed(ctx, f.Target, func() { wait.For(ctx, f.Hold) })
}

// killed kills a node, does something, and starts it again.
func (s *stage) killed(ctx context.Context, number int, meanwhile func()) error {
	n := s.node(number)
	n.Kill()
	meanwhile()
	ctx, cancel := lifting(ctx)
	defer cancel()
	return start(ctx, n)
}

// start starts a node and waits until it is ready. One that ends because the
// database is away is started again, as by the system's supervisor.
func start(ctx context.Context, n node) error {
	for {
		if err := n.Start(ctx); err != nil {
			return err
		}
		err := n.WaitReady(ctx)
		if err == nil || n.PID() != 0 || ctx.Err() != nil {
			return err
		}
		wait.For(ctx, supervisorPause)
	}
}

// supervisorPause is what systemd waits at least before it restarts a service.
const supervisorPause = 100 * time.Millisecond

// rollNodes restarts one node after the other, as a careful operator does.
func rollNodes(ctx context.Context, s *stage, _ planned) (string, error) {
	for _, n := range s.bed.Nodes() {
		if err := renew(ctx, n); err != nil {
			return "", fmt.Errorf("node %d: %w", n.Number, err)
		}
	}
	return "", nil
}

// renew ends a node in good order and starts it again.
func renew(ctx context.Context, n node) error {
	ctx, cancel := lifting(ctx)
	defer cancel()
	if err := n.Terminate(ctx); err != nil {
		return err
	}
	return start(ctx, n)
}

func freezeNode(ctx context.Context, s *stage, f planned) (string, error) {
	n := s.node(f.Target)
	n.Freeze()
	wait.For(ctx, f.Hold)
	n.Thaw()
	return "", nil
}

// exhaustFiles lowers a node's limit to a few files more than it has open, and
// opens connections beyond.
func exhaustFiles(ctx context.Context, s *stage, f planned) (string, error) {
	pid := s.node(f.Target).PID()
	open, err := openFiles(pid)
	if err != nil {
		return "", err
	}
	limit := open + 4
	lift, err := limitFiles(pid, uint64(limit))
	if err != nil {
		return "", err
	}
	conns := s.openIdle(ctx, f.Target, 40)
	wait.For(ctx, f.Hold)
	err = lift()
	for _, c := range conns {
		c.Close()
	}
	return fmt.Sprintf("limit %d", limit), err
}

// openIdle opens connections to a node that send no request.
func (s *stage) openIdle(ctx context.Context, number, count int) (conns []net.Conn) {
	address := hostOf(s.node(number).URL())
	for range count {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			return conns
		}
		conns = append(conns, c)
	}
	return conns
}

// skewClock restarts a node whose clock is off by minutes, and back.
func skewClock(ctx context.Context, s *stage, f planned) (string, error) {
	offset := []string{"10m", "-10m", "1h"}[f.random().IntN(3)]
	return offset, s.asVariant(ctx, f, s.variant, "DATELINE_CLOCK_OFFSET="+offset)
}

// nextVersion starts a node of the next version, which migrates, beside the
// others, and then an old one again on the new schema.
func nextVersion(ctx context.Context, s *stage, f planned) (string, error) {
	return "", s.asVariant(ctx, f, s.next)
}

// asVariant restarts a node as another program for a while.
func (s *stage) asVariant(ctx context.Context, f planned, binary string, env ...string) error {
	if binary == "" {
		return errNotHere
	}
	n := s.node(f.Target)
	wasBinary, wasEnv := n.Binary, n.Env
	lift, cancel := lifting(ctx)
	defer cancel()
	if err := n.Terminate(lift); err != nil {
		return err
	}
	n.Binary, n.Env = binary, env
	err := start(lift, n)
	wait.For(ctx, f.Hold)
	n.Binary, n.Env = wasBinary, wasEnv
	return errors.Join(err, n.Terminate(lift), start(lift, n))
}
