package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
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
		hold(ctx, time.Duration(random.Int64N(int64(300*time.Millisecond))))
		if err := s.killed(ctx, f.Target, func() {}); err != nil {
			return "", err
		}
		kills++
	}
	return fmt.Sprintf("%d times", kills), nil
}

func killNode(ctx context.Context, s *stage, f planned) (string, error) {
	return "", s.killed(ctx, f.Target, func() { hold(ctx, f.Hold) })
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
		hold(ctx, supervisorPause)
	}
}

// supervisorPause is what systemd waits at least before it restarts a service.
const supervisorPause = 100 * time.Millisecond

// rollNodes restarts one node after the other, as a careful operator does.
func rollNodes(ctx context.Context, s *stage, _ planned) (string, error) {
	ctx, cancel := lifting(ctx)
	defer cancel()
	for _, n := range s.bed.Nodes() {
		if err := n.Terminate(ctx); err != nil {
			return "", fmt.Errorf("node %d: %w", n.Number, err)
		}
		if err := start(ctx, n); err != nil {
			return "", fmt.Errorf("node %d: %w", n.Number, err)
		}
	}
	return "", nil
}

func freezeNode(ctx context.Context, s *stage, f planned) (string, error) {
	n := s.node(f.Target)
	n.Freeze()
	hold(ctx, f.Hold)
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
	var was unix.Rlimit
	few := unix.Rlimit{Cur: uint64(open) + 4, Max: 1 << 16}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		return "", err
	}
	few.Max = was.Max
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		return "", err
	}
	conns := s.crowd(ctx, f.Target, 40)
	hold(ctx, f.Hold)
	err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &was, nil)
	for _, c := range conns {
		c.Close()
	}
	return "limit " + strconv.FormatUint(few.Cur, 10), err
}

// crowd opens connections to a node that ask for nothing.
func (s *stage) crowd(ctx context.Context, number, count int) (conns []net.Conn) {
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

// skewClock restarts a node as a variant whose clock is ahead, and back.
func skewClock(ctx context.Context, s *stage, f planned) (string, error) {
	return "", s.asVariant(ctx, f, "clock-ahead")
}

// nextVersion adds what the next version's migration would, and runs a node
// whose program is newer beside the others.
func nextVersion(ctx context.Context, s *stage, f planned) (string, error) {
	err := s.sql(ctx, `ALTER TABLE posts ADD COLUMN IF NOT EXISTS next_version text`)
	if err != nil {
		return "", err
	}
	err = s.asVariant(ctx, f, "next-version")
	ctx, cancel := lifting(ctx)
	defer cancel()
	return "", errors.Join(err, s.sql(ctx, `ALTER TABLE posts DROP COLUMN IF EXISTS next_version`))
}

// asVariant restarts a node as another program for a while.
func (s *stage) asVariant(ctx context.Context, f planned, name string) error {
	n := s.node(f.Target)
	lift, cancel := lifting(ctx)
	defer cancel()
	if err := n.Terminate(lift); err != nil {
		return err
	}
	if err := s.become(n, name); err != nil {
		return errors.Join(err, start(lift, n))
	}
	if err := start(lift, n); err != nil {
		return err
	}
	hold(ctx, f.Hold)
	if err := n.Terminate(lift); err != nil {
		return err
	}
	return errors.Join(s.become(n, ""), start(lift, n))
}
