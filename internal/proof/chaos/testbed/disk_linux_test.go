package testbed_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dateline/internal/proof/chaos/testbed"
)

func TestBed_DiskForTablesIsFull(t *testing.T) {
	t.Parallel()
	s, ok := startWithDisks(t, testbed.Config{Nodes: 1, Standby: true, Synchronous: true, DataDisk: 48 << 10})
	if !ok {
		return
	}
	s.do("fill", s.Primary().FillData())
	status, answer := s.fillTables()
	if status != http.StatusServiceUnavailable && status != http.StatusInsufficientStorage {
		t.Errorf("%d %s", status, answer)
	}
	s.do("free", s.Primary().FreeData())
	s.insist("After", "key-after-0000001")
	s.do("fail over", s.Failover(s.ctx))
	s.do("rejoin", s.Rejoin(s.ctx))
	s.insist("On another disk", "key-another-00001")
}

// fillTables publishes until it cannot.
func (s *setting) fillTables() (status int, answer string) {
	s.t.Helper()
	for i := range 2000 {
		status, answer = s.publish(strings.Repeat("long ", 50), fmt.Sprintf("key-fill-%010d", i))
		if status != http.StatusCreated {
			return status, answer
		}
	}
	s.t.Fatal("the disk is never full")
	return 0, ""
}

func TestBed_DiskForLogIsFull(t *testing.T) {
	t.Parallel()
	s, ok := startWithDisks(t, testbed.Config{Nodes: 1, Durable: true, WALDisk: 96 << 10})
	if !ok {
		return
	}
	s.insist("Before", "key-before-000001")
	s.do("fill", s.Primary().FillWAL(s.ctx))
	if err := s.Primary().Start(s.ctx); err == nil {
		t.Error("the server starts without space for its log")
	}
	s.do("free", s.Primary().FreeWAL())
	s.do("start", s.Primary().Start(s.ctx))
	s.insist("After", "key-after-0000001")
	if got := strings.Join(s.titles(), ", "); got != "After, Before" {
		t.Error(got)
	}
}

// startWithDisks is not ok on a machine that lets nobody mount; then the bed must
// say so.
func startWithDisks(t *testing.T, config testbed.Config) (s *setting, ok bool) {
	t.Helper()
	try := t.TempDir()
	if err := syscall.Mount("tmpfs", try, "tmpfs", 0, "size=64k"); err == nil {
		if err := syscall.Unmount(try, 0); err != nil {
			t.Fatal(err)
		}
		return start(t, config), true
	}
	config.Dir, config.Nodes = openDir(t)+"/bed", 0
	if _, err := testbed.Start(t.Context(), config); err == nil || !strings.Contains(err.Error(), "mount a small disk") {
		t.Fatal(err)
	}
	return nil, false
}

// TestBed_QueueOfNotificationsIsFull holds the queue by a session that listens
// and never reads.
func TestBed_QueueOfNotificationsIsFull(t *testing.T) {
	t.Parallel()
	s, ok := startWithDisks(t, testbed.Config{Nodes: 1, Standby: true, NotifyDisk: 64})
	if !ok {
		return
	}
	conn, err := pgx.Connect(s.ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(s.ctx)
	if _, err := conn.Exec(s.ctx, "LISTEN held; BEGIN; SELECT 1"); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err = s.Exec(s.ctx, "SELECT pg_notify('held', repeat('x', 7000))"); err != nil {
			break
		}
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "53100" {
		t.Error(err)
	}
}
