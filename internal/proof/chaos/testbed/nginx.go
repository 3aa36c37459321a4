//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"dateline/internal/proof/program"
	"dateline/internal/wait"
)

// front is nginx before the nodes.
type front struct {
	url     string
	dir     string
	program string
	shipped string // configuration, with this bed's addresses
	proc    *process
}

const stopLimit = 5 * time.Second // of nginx, which stops at once

func (b *Bed) startFront(ctx context.Context) (*front, error) {
	program, err := findNginx()
	if err != nil {
		return nil, err
	}
	port, err := b.port()
	if err != nil {
		return nil, err
	}
	f := &front{url: "http://" + address(port), dir: filepath.Join(b.config.Dir, "nginx"), program: program}
	if err := f.configure(ctx, port, b.nodes); err != nil {
		return nil, err
	}
	cmd := f.command(context.Background()) // ended by close
	// Its workers outlive it unless it ends in good order.
	if f.proc, err = b.spawn(cmd, f.log(), syscall.SIGTERM); err != nil {
		return nil, err
	}
	if err := f.waitUp(ctx, port); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// findNginx also looks where Debian has it, which only root's path names.
func findNginx() (string, error) {
	path, err := exec.LookPath("nginx")
	if err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/nginx"
	if _, statErr := os.Stat(debian); statErr == nil {
		return debian, nil
	}
	return "", fmt.Errorf("nginx is not installed (Debian: apt-get install nginx-light): %w", err)
}

func (f *front) config() string { return filepath.Join(f.dir, "nginx.conf") }
func (f *front) log() string    { return filepath.Join(f.dir, "error.log") }

// configure writes the shipped configuration, with the nodes' addresses.
func (f *front) configure(ctx context.Context, port int, nodes []*Node) error {
	if err := os.MkdirAll(f.dir, 0o711); err != nil { // the workers pass through
		return err
	}
	root, err := program.Root(ctx)
	if err != nil {
		return err
	}
	shipped, err := os.ReadFile(filepath.Join(root, "deploy", "nginx.conf"))
	if err != nil {
		return err
	}
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.Client.Addr())
	}
	if f.shipped, err = adapt(string(shipped), address(port), addrs); err != nil {
		return fmt.Errorf("deploy/nginx.conf: %w", err)
	}
	return os.WriteFile(f.config(), []byte(f.shipped), 0o600)
}

func (f *front) command(ctx context.Context, more ...string) *exec.Cmd {
	args := append([]string{"-p", f.dir, "-e", f.log(), "-c", f.config(), "-g", "daemon off; pid nginx.pid;"}, more...)
	return exec.CommandContext(ctx, f.program, args...)
}

// ReloadNginx changes the shipped configuration by edit, which gets it whole each
// time, and returns when new connections meet the result. Open ones stay with
// the workers of before.
func (b *Bed) ReloadNginx(ctx context.Context, edit func(shipped string) string) error {
	f := b.front
	if f == nil {
		return errors.New("the bed has no nginx")
	}
	if err := os.WriteFile(f.config(), []byte(edit(f.shipped)), 0o600); err != nil {
		return err
	}
	if out, err := f.command(ctx, "-t").CombinedOutput(); err != nil {
		return fmt.Errorf("nginx refuses the configuration: %w: %s", err, out)
	}
	return f.reload(ctx)
}

// CloseIdle ends the connections to nodes that nginx keeps for requests to come,
// which would stay for a minute after the last. They end with its workers, so
// that those of before leave, and others serve when it returns.
func (b *Bed) CloseIdle(ctx context.Context) error {
	if b.front == nil {
		return nil
	}
	return b.front.reload(ctx)
}

// reload returns when other workers serve than before.
func (f *front) reload(ctx context.Context) error {
	before, err := f.workers()
	if err != nil {
		return err
	}
	f.proc.signal(syscall.SIGHUP)
	for {
		now, err := f.workers()
		if err != nil {
			return err
		}
		if len(now) > 0 && !slices.ContainsFunc(now, func(pid int) bool { return slices.Contains(before, pid) }) {
			return nil
		}
		if !wait.For(ctx, pollEvery) {
			return fmt.Errorf("nginx does not load its configuration: %w: %s", ctx.Err(), f.tail())
		}
	}
}

// workers are those that take connections; the others tell in their names that
// they only end what they have.
func (f *front) workers() (pids []int, err error) {
	all, err := processes()
	for _, one := range all {
		if one.parent == f.proc.pid() && !one.zombie && !strings.Contains(one.name, "shutting down") {
			pids = append(pids, one.pid)
		}
	}
	return pids, err
}

var (
	upstreamRE = regexp.MustCompile(`(?m)(?:^[ \t]*server dateline\S*:8080 [^\n]*\n)+`) // the servers of one upstream
	serverRE   = regexp.MustCompile(`(?m)(^[ \t]*server )\S+( [^\n]*\n)`)
	listenRE   = regexp.MustCompile(`(?m)^([ \t]*listen )8080\b`)
	httpRE     = regexp.MustCompile(`(?m)^http \{\n`)
)

// adapt changes nothing of a configuration but the address that it listens on,
// those of the nodes, and where temporary files go.
func adapt(shipped, listen string, nodes []string) (string, error) {
	if !upstreamRE.MatchString(shipped) || len(listenRE.FindAllString(shipped, -1)) != 1 || len(httpRE.FindAllString(shipped, -1)) != 1 {
		return "", errors.New("its upstream, listen or http lines are not as the harness knows them")
	}
	text := upstreamRE.ReplaceAllStringFunc(shipped, func(servers string) string {
		first := serverRE.FindStringSubmatch(servers)
		var upstream strings.Builder
		for _, node := range nodes {
			upstream.WriteString(first[1] + node + first[2])
		}
		return upstream.String()
	})
	text = listenRE.ReplaceAllString(text, "${1}"+listen)
	return httpRE.ReplaceAllString(text, "http {\n"+temporary()), nil
}

func temporary() string {
	var text strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&text, "  %s_temp_path %s;\n", kind, kind)
	}
	return text.String()
}

func (f *front) waitUp(ctx context.Context, port int) error {
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(port))
		if err == nil {
			return conn.Close()
		}
		if !f.proc.running() {
			return fmt.Errorf("nginx does not run: %w (%s)", f.proc.ending(), f.tail())
		}
		if !wait.For(ctx, pollEvery) {
			return fmt.Errorf("nginx does not answer: %w: %s", err, f.tail())
		}
	}
}

func (f *front) tail() string {
	text, err := os.ReadFile(f.log())
	if err != nil {
		return err.Error()
	}
	return tail(string(text))
}

// close ends nginx with its workers.
func (f *front) close() error {
	f.proc.signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	_ = f.proc.wait(ctx) // whether in time or not: what is left is killed
	return f.proc.killFamily()
}
