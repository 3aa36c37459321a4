//go:build unix

package testbed

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/localpg"
	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/wait"
)

// Node is one process of the product at a time. Its addresses stay the same over
// its lives.
type Node struct {
	Number int // from 1
	// Client is the link from nginx and from clients to this node; Database are
	// its links to the servers, in their order.
	Client   *netfault.Proxy
	Database []*netfault.Proxy

	// What the next Start uses.
	Binary string   // the bed's when empty
	Env    []string // more environment, "NAME=value"
	Args   []string // more flags
	Files  int      // limit of open files; the harness's own when 0

	bed     *Bed
	port    int
	metrics int // port of the metrics

	mu   sync.Mutex
	proc *process
	life int
}

func (b *Bed) newNode(number int) (n *Node, err error) {
	n = &Node{Number: number, bed: b}
	if b.config.NodeEnv != nil {
		n.Env = b.config.NodeEnv(number)
	}
	if b.config.NodeArgs != nil {
		n.Args = b.config.NodeArgs(number)
	}
	if n.port, err = b.port(); err != nil {
		return nil, err
	}
	if n.metrics, err = b.port(); err != nil {
		return nil, err
	}
	return n, n.link()
}

// link makes the proxies around the node.
func (n *Node) link() (err error) {
	if n.Client, err = netfault.Listen(address(n.port)); err != nil {
		return err
	}
	for _, s := range n.bed.servers {
		p, err := netfault.Listen(s.Addr())
		if err != nil {
			n.unlink()
			return err
		}
		n.Database = append(n.Database, p)
	}
	return nil
}

func (n *Node) unlink() {
	n.Client.Close()
	for _, p := range n.Database {
		p.Close()
	}
}

// URL is where clients connect, through the node's proxy.
func (n *Node) URL() string { return "http://" + n.Client.Addr() }

// Direct is where the node itself listens, past its proxy.
func (n *Node) Direct() string { return "http://" + address(n.port) }

// PID is 0 when the node does not run.
func (n *Node) PID() int {
	if p := n.process(); p.running() {
		return p.pid()
	}
	return 0
}

// Life counts the starts.
func (n *Node) Life() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life
}

func (n *Node) process() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// Start starts the program; WaitReady tells when it serves.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc.running() {
		return fmt.Errorf("node %d runs already", n.Number)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	proc, err := n.bed.spawn(n.command(), n.logFile(), syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("node %d: %w", n.Number, err)
	}
	n.proc = proc
	n.life++
	return nil
}

func (n *Node) command() *exec.Cmd {
	binary := n.Binary
	if binary == "" {
		binary = n.bed.config.Binary
	}
	argv := append([]string{binary, "serve"}, n.flags()...)
	if n.Files > 0 {
		argv = append([]string{"/bin/sh", "-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(n.Files)}, argv...)
	}
	cmd := exec.CommandContext(context.Background(), argv[0], argv[1:]...) // ended by Bed.Close
	cmd.Env = append(n.bed.environment(n.dsn()), n.Env...)
	return cmd
}

func (n *Node) flags() []string {
	return append([]string{
		"--listen=" + address(n.port),
		"--metrics-listen=" + address(n.metrics),
		"--data-dir=" + n.file(".data"),
		"--log-format=json",
		"--trusted-proxies=127.0.0.1",
		"--rate-limit=100000000",
		"--replication=" + n.bed.replication(),
	}, n.Args...)
}

// environment has the secrets, which flags would show to everybody, and nothing
// of the harness's own settings.
func (b *Bed) environment(dsn string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.config.Dir, "DATELINE_DATABASE_URL=" + dsn, "DATELINE_SECRET_KEY=" + b.secret}
}

func (b *Bed) replication() string {
	if b.config.Synchronous {
		return "sync"
	}
	return "none"
}

// dsn leads to all servers through the node's own proxies.
func (n *Node) dsn() string {
	var addrs []string
	for _, p := range n.Database {
		addrs = append(addrs, p.Addr())
	}
	return dsn(appUser, n.bed.password, localpg.Database, addrs...) + "&target_session_attrs=read-write"
}

func (n *Node) file(suffix string) string {
	return filepath.Join(n.bed.config.Dir, fmt.Sprintf("node-%d%s", n.Number, suffix))
}

func (n *Node) logFile() string { return n.file(".log") }

// Log is what the node has logged in all its lives, a line of JSON each.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// WaitReady returns when the node says that it is ready, and fails when it ends.
func (n *Node) WaitReady(ctx context.Context) error {
	proc := n.process()
	for {
		err := n.ready(ctx)
		if err == nil {
			return nil
		}
		if !proc.running() {
			return fmt.Errorf("node %d does not run: %w (%s)", n.Number, proc.ending(), tail(n.Log()))
		}
		if !wait.For(ctx, pollEvery) {
			return fmt.Errorf("node %d is not ready: %w (%s)", n.Number, err, tail(n.Log()))
		}
	}
}

func (n *Node) ready(ctx context.Context) error {
	_, err := get(ctx, n.Direct()+"/readyz")
	return err
}

// Kill ends the node as a crash does, and returns when it is gone.
func (n *Node) Kill() { n.process().kill() }

// Terminate asks the node to leave in good order, and waits for that.
func (n *Node) Terminate(ctx context.Context) error {
	proc := n.process()
	if !proc.running() {
		return nil
	}
	proc.signal(syscall.SIGTERM)
	if err := proc.wait(ctx); err != nil {
		return fmt.Errorf("stop node %d: %w", n.Number, err)
	}
	return nil
}

// Freeze stops the node where it is; its connections stay open.
func (n *Node) Freeze() { n.process().signal(syscall.SIGSTOP) }

// Thaw lets a frozen node go on.
func (n *Node) Thaw() { n.process().signal(syscall.SIGCONT) }

func (n *Node) close() {
	n.Kill()
	n.unlink()
}

// Metrics are the values of the node's metrics page, by name with labels as they
// are written there: `dateline_listener_up`, `go_info{version="go1.26"}`.
func (n *Node) Metrics(ctx context.Context) (map[string]float64, error) {
	page, err := get(ctx, "http://"+address(n.metrics)+"/metrics")
	if err != nil {
		return nil, fmt.Errorf("metrics of node %d: %w", n.Number, err)
	}
	return parseMetrics(page)
}

func parseMetrics(page string) (map[string]float64, error) {
	values := make(map[string]float64)
	lines := bufio.NewScanner(strings.NewReader(page))
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no metric: %w", line, err)
		}
		values[line[:at]] = value
	}
	return values, lines.Err()
}

const getLimit = 5 * time.Second

// client keeps no connections: what it asks may be frozen or gone the next moment.
var client = &apiclient.Client{HTTP: &http.Client{Timeout: getLimit, Transport: &http.Transport{DisableKeepAlives: true}}}

// get is the body of an answer of status 200.
func get(ctx context.Context, url string) (string, error) {
	a, err := client.Send(ctx, apiclient.Request{Method: http.MethodGet, Path: url})
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusOK {
		return "", fmt.Errorf("%s: %d: %s", url, a.Status, a.Body)
	}
	return string(a.Body), nil
}
