package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// child is a process of this program in one of its roles. It ends when its
// standard input does, so also when this process dies.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

func startChild(ctx context.Context, command []string, role string) (*child, error) {
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], role)...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the leader, which ends the workers
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	return &child{cmd, in, out}, nil
}

func (c *child) close() {
	c.in.Close()
	_ = c.cmd.Wait() // it may have been killed: it has nothing to say any more
}

// workers is all processes of readers.
type workers struct {
	children []*child
	notices  []*json.Decoder
}

func startWorkers(ctx context.Context, command []string, n int) (*workers, error) {
	c := &workers{}
	for range n {
		child, err := startChild(ctx, command, RoleWorker)
		if err != nil {
			c.close()
			return nil, err
		}
		c.children = append(c.children, child)
		c.notices = append(c.notices, json.NewDecoder(child.out))
	}
	return c, nil
}

func (c *workers) close() {
	for _, child := range c.children {
		child.close()
	}
}

// all sends every worker its order and returns the answers.
func (c *workers) all(orders func(worker int) order) ([]notice, error) {
	notices := make([]notice, len(c.children))
	var talks errgroup.Group
	for i, child := range c.children {
		talks.Go(func() error {
			if err := json.NewEncoder(child.in).Encode(orders(i)); err != nil {
				return fmt.Errorf("worker %d: %w", i, err)
			}
			if err := c.notices[i].Decode(&notices[i]); err != nil {
				return fmt.Errorf("worker %d ended: %w", i, err)
			}
			return nil
		})
	}
	return notices, talks.Wait()
}

// same gives all workers the same order.
func (c *workers) same(o order) ([]notice, error) { return c.all(func(int) order { return o }) }

var errShort = errors.New("not all readers got a stream")

// connect opens count more readers, spread over the workers; before is how many
// are open.
func (c *workers) connect(o order, before, count int) error {
	n := len(c.children)
	notices, err := c.all(func(i int) order {
		share := o
		share.Count, share.First = count/n, i*(count/n)+min(i, count%n)
		if i < count%n {
			share.Count++
		}
		return share
	})
	if err != nil {
		return err
	}
	opened := -before
	for _, n := range notices {
		opened += n.Open
	}
	if opened < count {
		return fmt.Errorf("%w: %d of %d within %s; look at the server's limits (--streams, --streams-per-address, ulimit -n)",
			errShort, opened, count, time.Duration(o.Within))
	}
	return nil
}
