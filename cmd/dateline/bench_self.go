package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// self is what `dateline bench --self` starts: a database, unless there is one,
// and nodes in processes of their own.
type self struct {
	dir   string
	db    *database
	nodes []*exec.Cmd
	urls  []string
	pids  []int
	token string

	metrics []string // pages
}

// startSelf starts it all. The caller must close it.
func startSelf(ctx context.Context, c *Config, b *benchCommand, term console) (_ *self, err error) {
	s := &self{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "dateline-bench-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // PostgreSQL runs as another user where this one is root
		return nil, err
	}
	own := *c
	own.DataDir = filepath.Join(s.dir, "postgres")
	if s.db, err = openMigrated(ctx, &own); err != nil {
		return nil, err
	}
	if s.token, err = benchToken(ctx, s.db); err != nil {
		return nil, err
	}
	for range b.Nodes {
		if err := s.startNode(ctx, b, term); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// startNode starts one node and waits until it is ready.
func (s *self) startNode(ctx context.Context, b *benchCommand, term console) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	slow, _, err := parseSlow(b.Slow)
	if err != nil {
		return err
	}
	metrics, err := metricsAddress(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.dir, fmt.Sprint("node", len(s.nodes)+1))
	streams := fmt.Sprint("--streams=", streamsOfEach(b.Readers+slow+b.Silent, b.Nodes))
	args := append([]string{"serve", "--listen=127.0.0.1:0", "--metrics-listen=" + metrics, "--data-dir=" + dir, streams,
		"--streams-per-address=0", "--rate-limit=6000000", "--log-level=warn"}, b.Serve...)
	node := exec.CommandContext(context.WithoutCancel(ctx), program, args...)
	node.Env = append(withoutPublicURL(os.Environ()), "DATELINE_DATABASE_URL="+s.db.dsn)
	node.Stderr = term.err
	node.SysProcAttr = newGroup()               // Ctrl-C is for the bench, which stops its node last
	if _, err := node.StdinPipe(); err != nil { // stays open as long as this process
		return err
	}
	out, err := node.StdoutPipe()
	if err != nil {
		return err
	}
	if err := node.Start(); err != nil {
		return err
	}
	s.nodes, s.pids = append(s.nodes, node), append(s.pids, node.Process.Pid)
	url, err := announced(out)
	if err != nil {
		return err
	}
	s.urls, s.metrics = append(s.urls, url), append(s.metrics, "http://"+metrics+"/metrics")
	return untilReady(ctx, url)
}

// streamsOfEach is how many streams a node must have room for when readers are
// spread over nodes, visitors of the idle scenario among them.
func streamsOfEach(readers, nodes int) int { return (readers+nodes-1)/nodes + 200 }

// Ports below those that the system gives to outgoing connections: what is free
// now is so a moment later.
const lowestPort, highestPort = 10_000, 32_000

// metricsAddress finds an address of this machine that nobody listens on.
func metricsAddress(ctx context.Context) (address string, err error) {
	for range 100 {
		address = fmt.Sprint("127.0.0.1:", lowestPort+rand.IntN(highestPort-lowestPort))
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}

// withoutPublicURL leaves out what would hide a node's own address.
func withoutPublicURL(env []string) (kept []string) {
	for _, v := range env {
		if !strings.HasPrefix(v, "DATELINE_PUBLIC_URL=") {
			kept = append(kept, v)
		}
	}
	return kept
}

// announced finds the address in what a node prints when it starts, and reads on
// for it.
func announced(out io.Reader) (url string, err error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "Readers" {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the node
			return strings.TrimSuffix(fields[1], "/"), nil
		}
	}
	return "", errors.New("the node did not start: see above")
}

// close stops the nodes, then the database, and leaves no file.
func (s *self) close() error {
	var errs []error
	for _, node := range s.nodes {
		_ = node.Process.Signal(syscall.SIGTERM) // it may have ended
		killer := time.AfterFunc(requestsLimit+connectLimit, func() { _ = node.Process.Kill() })
		errs = append(errs, node.Wait())
		killer.Stop()
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
