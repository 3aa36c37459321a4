package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startLimit = 30 * time.Second
	// stopLimit is above the 40 s that a node allows its running requests.
	stopLimit = 55 * time.Second
)

var readersLine = regexp.MustCompile(`Readers\s+(http://[^/\s]+)`)

// process is a node in a process of its own.
type process struct {
	t      testing.TB
	url    string
	data   string
	cmd    *exec.Cmd
	log    *lockedBuffer
	exited chan struct{} // closed when err is set
	err    error

	address chan string // gets the one that the banner tells
}

// startProcess runs `dateline serve` on a database and returns when it is ready.
// The node is killed when the test ends, if it still runs.
func startProcess(t testing.TB, dsn string, args ...string) *process {
	t.Helper()
	return startAs(t, []string{programPath(t)}, dsn, args...)
}

// startPublic is startProcess for a node that readers reach at another address
// than its own, which its banner does not tell.
func startPublic(t testing.TB, dsn, publicURL string, args ...string) *process {
	t.Helper()
	address := freeAddress(t)
	p := launch(t, []string{programPath(t)}, dsn, append(args, "--listen="+address, "--public-url="+publicURL)...)
	p.url = "http://" + address
	p.awaitReady()
	return p
}

// startAs is startProcess for a program that is started by a command.
func startAs(t testing.TB, command []string, dsn string, args ...string) *process {
	t.Helper()
	p := launch(t, command, dsn, args...)
	p.awaitAddress()
	p.awaitReady()
	return p
}

// launch starts a node and returns at once.
func launch(t testing.TB, command []string, dsn string, args ...string) *process {
	t.Helper()
	p := &process{t: t, data: filepath.Join(t.TempDir(), "data"), log: &lockedBuffer{}, address: make(chan string, 1), exited: make(chan struct{})}
	all := slices.Concat(command, []string{
		"serve", "--listen=127.0.0.1:0", "--metrics-listen=", "--log-format=json", "--database-url=" + dsn, "--data-dir=" + p.data,
	}, args)
	p.cmd = exec.Command(all[0], all[1:]...)
	p.cmd.Env = foreign(os.Environ())
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := spawner.Start(p.cmd, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	go p.watch(out)
	t.Cleanup(p.kill)
	return p
}

// foreign leaves out settings of the product that happen to be in the environment.
func foreign(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "DATELINE_") })
}

// watch reads the banner and then the end of the process.
func (p *process) watch(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := readersLine.FindStringSubmatch(lines.Text()); m != nil {
			p.address <- m[1]
		}
	}
	p.err = p.cmd.Wait()
	close(p.exited)
}

func (p *process) awaitAddress() {
	p.t.Helper()
	select {
	case p.url = <-p.address:
	case <-p.exited:
		p.t.Fatalf("the node did not start: %v\n%s", p.err, p.log)
	case <-time.After(startLimit):
		p.t.Fatalf("the node did not start in %v\n%s", startLimit, p.log)
	}
}

func (p *process) awaitReady() {
	p.t.Helper()
	eventually(p.t, startLimit, "the node is ready", func() bool {
		res, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// kill ends the node as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// terminate asks the node to leave and returns how it ended.
func (p *process) terminate() error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(stopLimit):
		return errors.New("the node did not leave in time")
	}
}

var metricsLine = regexp.MustCompile(`"msg":"metrics","url":"([^"]+)"`)

// metric reads one of the node's own figures; it was started with an address for them.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	m := metricsLine.FindStringSubmatch(p.log.String())
	if m == nil {
		p.t.Fatalf("the node serves no metrics\n%s", p.log)
	}
	res, err := http.Get(m[1])
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return n
		}
	}
	p.t.Fatalf("there is no metric %s", name)
	return 0
}

// noPanic fails the test when the node logged a panic or an error of no known kind.
func (p *process) noPanic() {
	p.t.Helper()
	for line := range strings.Lines(p.log.String()) {
		for _, bad := range []string{`"msg":"panic"`, `"msg":"request failed"`, "goroutine ", "DATA RACE", "superfluous"} {
			if strings.Contains(line, bad) {
				p.t.Errorf("the node logged %s", line)
			}
		}
	}
}

// lockedBuffer collects what a process writes while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually polls a condition that has no event to wait for.
func eventually(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}
