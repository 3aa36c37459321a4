//go:build unix

package testbed_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/proof/chaos/testbed"
)

// full is a bed with everything.
var full = testbed.Config{Nodes: 2, Standby: true, Synchronous: true, Nginx: true, Durable: true}

func TestBed_FailoverAndRejoinTwice(t *testing.T) {
	t.Parallel()
	s := start(t, full)
	stream := s.follow()
	s.insist("Before", "key-before-0000001")
	s.expectLine(stream, "Before")
	for i := range 2 {
		title := fmt.Sprintf("After %d", i)
		s.do("fail over", s.Failover(s.ctx))
		s.insist(title, fmt.Sprintf("key-after-000000%d", i))
		s.expectLine(stream, title)
		s.do("rejoin", s.Rejoin(s.ctx))
	}
	s.insist("Confirmed", "key-confirmed-00001")
	if got := strings.Join(s.titles(), ", "); got != "Confirmed, After 1, After 0, Before" {
		t.Error(got)
	}
}

// TestBed_FrozenStandby tells no publisher that something is done which no
// standby has; the same key is one post afterwards.
func TestBed_FrozenStandby(t *testing.T) {
	t.Parallel()
	s := start(t, full)
	s.do("freeze", s.Standby().Freeze())
	begun := time.Now()
	status, answer := s.publish("Frozen", "key-frozen-0000001")
	took := time.Since(begun)
	if status != http.StatusServiceUnavailable || took > 5*time.Second {
		t.Errorf("after %v: %d %s", took, status, answer)
	}
	t.Logf("refused after %v", took)
	s.do("thaw", s.Standby().Thaw())
	s.do("await the standby", s.AwaitStandby(s.ctx))
	s.insist("Frozen", "key-frozen-0000001")
	if got := s.titles(); len(got) != 1 {
		t.Error(got)
	}
}

// TestBed_FailoverLosesWithoutConfirmation is what an asynchronous standby can do.
func TestBed_FailoverLosesWithoutConfirmation(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Config{Nodes: 1, Standby: true})
	s.insist("Kept", "key-kept-00000001")
	s.do("catch up", s.AwaitCopied(s.ctx))
	link := s.Primary().Replication
	link.Set(netfault.Partition)
	s.insist("Lost", "key-lost-00000001")
	s.do("fail over", s.Failover(s.ctx))
	link.Clear()
	s.insist("After", "key-after-0000001")
	if got := strings.Join(s.titles(), ", "); got != "After, Kept" {
		t.Error(got)
	}
	versions, err := s.Versions(s.ctx)
	if err != nil || !strings.Contains(versions, "PostgreSQL 1") {
		t.Error(versions, err)
	}
	t.Log(versions)
}

func TestBed_CutReplicationHoldsCommits(t *testing.T) {
	t.Parallel()
	s := start(t, full)
	link := s.Primary().Replication
	link.Set(netfault.Partition)
	if status, answer := s.publish("Cut off", "key-cut-off-000001"); status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", status, answer)
	}
	link.Clear()
	link.Cut()
	s.do("await the standby", s.AwaitStandby(s.ctx))
	s.insist("Cut off", "key-cut-off-000001")
}

// TestBed_AnswersOfDatabaseAreLost stores a post whose publisher cannot be told.
func TestBed_AnswersOfDatabaseAreLost(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Config{Nodes: 1})
	link := s.Nodes()[0].Database[0]
	link.Set(netfault.LostAnswers)
	if status, answer := s.publish("Unheard", "key-unheard-000001"); status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", status, answer)
	}
	link.Clear()
	s.insist("Unheard", "key-unheard-000001")
	if got := s.titles(); len(got) != 1 {
		t.Error(got)
	}
}

func TestBed_PrimaryEndsAndStarts(t *testing.T) {
	t.Parallel()
	s := start(t, full)
	stream := s.follow()
	for name, again := range map[string]func() error{
		"crash":     func() error { return errors.Join(s.Primary().Crash(), s.Primary().Start(s.ctx)) },
		"fast":      func() error { return s.Primary().Restart(s.ctx, "fast") },
		"immediate": func() error { return s.Primary().Restart(s.ctx, "immediate") },
	} {
		begun := time.Now()
		s.do(name, again())
		t.Logf("%s: up after %v", name, time.Since(begun))
		s.insist(name, "key-after-the-"+name)
		s.expectLine(stream, name)
	}
}

func TestBed_NodeEndsAndStarts(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Config{Nodes: 2, Nginx: true})
	n := s.Nodes()[0]
	first := n.PID()
	n.Kill()
	if n.PID() != 0 {
		t.Error("the killed node lives")
	}
	s.insist("By the other node", "key-other-0000001")
	n.Files = 512
	s.do("start", n.Start(s.ctx))
	s.do("ready", n.WaitReady(s.ctx))
	if n.Life() != 2 || n.PID() == first {
		t.Errorf("life %d, process %d", n.Life(), n.PID())
	}
	metrics, err := n.Metrics(s.ctx)
	if err != nil || metrics["process_max_fds"] != 512 || metrics["dateline_listener_up"] != 1 {
		t.Errorf("%v %v", err, metrics)
	}
	s.do("terminate", n.Terminate(s.ctx))
	s.do("start", n.Start(s.ctx))
	s.do("ready", n.WaitReady(s.ctx))
}

// TestStart_FailsAndLeavesNothing has a program that is none, and one that never
// is ready before it is too late.
func TestStart_FailsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	slow := filepath.Join(t.TempDir(), "slow")
	if err := os.WriteFile(slow, []byte("#!/bin/sh\nexec sleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string]string{"ends": "/bin/false", "hangs": slow} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			dir := openDir(t) + "/bed"
			go cancelWhenRunning(ctx, cancel, dir)
			bed, err := testbed.Start(ctx, testbed.Config{Dir: dir, Binary: program, Nodes: 2, Standby: true})
			if err == nil || bed != nil {
				t.Fatal("a bed of nothing starts")
			}
			t.Log(err)
			if left := runningIn(t, dir); left != "" {
				t.Errorf("still there:\n%s", left)
			}
		})
	}
}

// cancelWhenRunning ends a start when its nodes run, of which log files tell.
func cancelWhenRunning(ctx context.Context, cancel func(), dir string) {
	eventually(ctx, func() bool {
		_, err := os.Stat(filepath.Join(dir, "node-2.log"))
		return err == nil
	})
	cancel()
}

// runningIn lists the processes whose arguments name a directory.
func runningIn(t *testing.T, dir string) (list string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, dir) {
			list += line
		}
	}
	return list
}

func TestBed_DumpAndRestore(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Config{Nodes: 1})
	s.insist("Kept", "key-kept-00000001")
	file := openDir(t) + "/dump"
	s.do("dump", s.Dump(s.ctx, file))
	s.insist("Lost", "key-lost-00000001")
	s.do("restore", s.Restore(s.ctx, file))
	s.insist("New", "key-new-000000001")
	if got := strings.Join(s.titles(), ", "); got != "New, Kept" {
		t.Error(got)
	}
}

func TestBed_ReloadNginx(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Config{Nodes: 1, Nginx: true})
	for _, code := range []string{"418", "419"} {
		s.do("reload", s.ReloadNginx(s.ctx, func(shipped string) string {
			return strings.Replace(shipped, "location / {", "location / { return "+code+";", 1)
		}))
		if status, answer := s.ask(http.MethodGet, s.FrontURL()+"/livez", "", ""); fmt.Sprint(status) != code {
			t.Error(status, answer)
		}
	}
	if err := s.ReloadNginx(s.ctx, func(string) string { return "nonsense" }); err == nil {
		t.Error("nginx takes nonsense")
	}
}

func TestBed_CloseIdle(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Config{Nodes: 1, Nginx: true})
	link := s.Nodes()[0].Client
	if link.Stats().Open == 0 {
		t.Fatal("nginx keeps no connection after a request, so that there is nothing to see")
	}
	s.do("close idle", s.CloseIdle(s.ctx))
	// Less than the minute after which both sides end what is idle anyway.
	within, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	if !eventually(within, func() bool { return link.Stats().Open == 0 }) {
		t.Fatalf("%d connections are still open", link.Stats().Open)
	}
	if status, answer := s.ask(http.MethodGet, s.FrontURL()+"/livez", "", ""); status != http.StatusOK {
		t.Error(status, answer)
	}
}
