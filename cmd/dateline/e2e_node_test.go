package main

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

// asProgram makes the test binary be the product, so that tests can run nodes
// as processes of their own, kill them and read their exit codes.
const asProgram = "DATELINE_TEST_MAIN"

const (
	startLimit = 30 * time.Second
	// stopLimit is above what a node allows its running requests.
	stopLimit = requestsLimit + 15*time.Second
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		if !strings.HasPrefix(os.Args[1], "bench-") { // these read their input themselves
			go exitWithParent()
		}
		main()
		return
	}
	os.Exit(m.Run())
}

// exitWithParent ends a node whose test binary died: its input closes then.
func exitWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin) // any end of the input is the parent's
	os.Exit(3)
}

// process is a node in a process of its own.
type process struct {
	t      testing.TB
	url    string
	data   string
	cmd    *exec.Cmd
	log    *lockedBuffer
	exited chan struct{} // closed when err is set
	err    error
}

// startProcess runs `dateline serve` on a database and returns when it is ready.
// The node is killed when the test ends, if it still runs.
func startProcess(t testing.TB, dsn string, args ...string) *process {
	t.Helper()
	return startAs(t, os.Args[:1], dsn, args...)
}

// startAs is startProcess for a program that is started by a command.
func startAs(t testing.TB, command []string, dsn string, args ...string) *process {
	t.Helper()
	p := &process{t: t, data: filepath.Join(t.TempDir(), "data"), log: &lockedBuffer{}, exited: make(chan struct{})}
	all := slices.Concat(command, []string{
		"serve", "--listen=127.0.0.1:0", "--metrics-listen=", "--log-format=json", "--database-url=" + dsn, "--data-dir=" + p.data,
	}, args)
	p.cmd = exec.Command(all[0], all[1:]...)
	p.cmd.Env = append(foreign(os.Environ()), asProgram+"=1")
	p.cmd.Stderr = p.log
	if _, err := p.cmd.StdinPipe(); err != nil { // stays open as long as this process
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go p.watch(out, address)
	t.Cleanup(p.kill)
	p.awaitStart(address)
	return p
}

// foreign leaves out settings of the product that happen to be in the environment.
func foreign(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "DATELINE_") })
}

// watch reads the banner and then the end of the process.
func (p *process) watch(out io.Reader, address chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := readersLine.FindStringSubmatch(lines.Text()); m != nil {
			address <- m[1]
		}
	}
	p.err = p.cmd.Wait()
	close(p.exited)
}

func (p *process) awaitStart(address <-chan string) {
	p.t.Helper()
	select {
	case p.url = <-address:
	case <-p.exited:
		p.t.Fatalf("the node did not start: %v\n%s", p.err, p.log)
	case <-time.After(startLimit):
		p.t.Fatalf("the node did not start in %v\n%s", startLimit, p.log)
	}
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
