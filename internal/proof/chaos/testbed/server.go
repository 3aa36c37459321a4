//go:build unix

package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"dateline/internal/localpg"
	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/wait"
)

// The roles of a cluster: one for the harness, one as an operator makes it for
// the product.
const (
	superuser = "postgres"
	appUser   = "dateline"
)

// Server is one of the places where PostgreSQL runs. Its port and its proxies
// stay the same over restarts, fail-overs and new data.
type Server struct {
	// Name is a or b; as a standby it is known to the primary by it.
	Name string
	// Replication is the link by which a standby follows this server.
	Replication *netfault.Proxy
	// Env is more environment of the next Start, "NAME=value".
	Env []string

	bed  *Bed
	port int
	// Small disks of its own; nil where the data directory has the files.
	wal, data, notify *disk

	mu    sync.Mutex
	dir   string // of the data
	lives int    // counts data directories
	proc  *process
}

func (b *Bed) newServer(name string) (*Server, error) {
	port, err := b.port()
	if err != nil {
		return nil, err
	}
	s := &Server{Name: name, bed: b, port: port}
	if s.Replication, err = netfault.Listen(address(port)); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is where the server listens, past all proxies.
func (s *Server) Addr() string { return address(s.port) }

// DSN is a superuser's connection string for the product's database on this server.
func (s *Server) DSN() string { return s.dsn(superuser, localpg.Database) }

func (s *Server) dsn(user, database string) string {
	return dsn(user, s.bed.password, database, s.Addr())
}

func dsn(user, password, database string, addrs ...string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: strings.Join(addrs, ","), Path: "/" + database}
	u.RawQuery = "sslmode=disable"
	return u.String()
}

// PID is that of the server's first process, 0 when it does not run.
func (s *Server) PID() int {
	if p := s.process(); p.running() {
		return p.pid()
	}
	return 0
}

func (s *Server) process() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

// create makes a new cluster with the product's database, and starts it.
func (s *Server) create(ctx context.Context) error {
	if err := s.newDir(); err != nil {
		return err
	}
	if err := s.makeData(ctx); err != nil {
		return err
	}
	if err := s.moveNotify(); err != nil {
		return err
	}
	if err := s.configure("", ""); err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	return s.createDatabase(ctx)
}

// newDir forgets the old data and chooses a place for new. The old directory is
// the harness's own and of no use any more.
func (s *Server) newDir() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil {
			return err
		}
	}
	s.lives++
	s.dir = s.file(fmt.Sprintf("-%d", s.lives))
	return s.newDisks()
}

// dataDir is where the data is now.
func (s *Server) dataDir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir
}

// file is a path of this server's own.
func (s *Server) file(suffix string) string {
	return filepath.Join(s.bed.config.Dir, "postgres-"+s.Name+suffix)
}

// makeData copies fresh data, unless the log has a disk of its own.
func (s *Server) makeData(ctx context.Context) error {
	switch fresh := s.bed.config.Fresh; {
	case s.wal != nil:
		return initdb(ctx, s.bed.tools, s.dir, s.bed.password, "--waldir="+s.wal.sub("wal"))
	case fresh == nil:
		return initdb(ctx, s.bed.tools, s.dir, s.bed.password)
	default:
		return fresh.copyTo(ctx, s.bed.tools, s.dir)
	}
}

// createDatabase makes the product's database as its role's own.
func (s *Server) createDatabase(ctx context.Context) error {
	statements := []string{fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", appUser, s.bed.password)}
	if s.data != nil {
		statements = append(statements, fmt.Sprintf("CREATE TABLESPACE small LOCATION '%s'", s.data.sub("tables")))
	}
	for _, sql := range append(statements, s.createSQL(localpg.Database)) {
		if err := s.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) createSQL(database string) string {
	sql := "CREATE DATABASE " + database + " OWNER " + appUser
	if s.data != nil {
		sql += " TABLESPACE small"
	}
	return sql
}

// Start starts the server on its data and returns when it takes connections. A
// server that was killed recovers first.
func (s *Server) Start(ctx context.Context) error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.WaitUp(ctx)
}

func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc.running() {
		return fmt.Errorf("server %s runs already", s.Name)
	}
	cmd := s.bed.tools.Command(context.Background(), "postgres", "-D", s.dir, "-c", "config_file="+s.file(".conf"))
	cmd.Env = append(cmd.Env, s.Env...)
	// With the first process killed the others end by themselves.
	proc, err := s.bed.spawn(cmd, s.file(".log"), syscall.SIGKILL)
	if err != nil {
		return err
	}
	s.proc = proc
	return nil
}

// WaitUp returns when the server takes connections.
func (s *Server) WaitUp(ctx context.Context) error {
	proc := s.process()
	for {
		err := s.query(ctx, "SELECT 1", new(int))
		if err == nil {
			return nil
		}
		if !proc.running() {
			return fmt.Errorf("server %s does not run: %w (%s)", s.Name, proc.ending(), s.tail())
		}
		if !wait.For(ctx, pollEvery) {
			return fmt.Errorf("server %s takes no connections: %w (%s)", s.Name, err, s.tail())
		}
	}
}

// Crash ends all processes of the server at one moment, and returns when they are gone.
func (s *Server) Crash() error { return s.process().killFamily() }

// Stop ends the server in the mode fast or immediate of pg_ctl.
func (s *Server) Stop(ctx context.Context, mode string) error {
	signals := map[string]syscall.Signal{"fast": syscall.SIGINT, "immediate": syscall.SIGQUIT}
	sig, known := signals[mode]
	if !known {
		return fmt.Errorf("stop server %s: no mode %q", s.Name, mode)
	}
	proc := s.process()
	if !proc.running() {
		return nil
	}
	proc.signal(sig)
	if err := proc.wait(ctx); err != nil && mode == "fast" {
		return fmt.Errorf("stop server %s: %w", s.Name, err)
	}
	return ctx.Err()
}

// Restart is Stop and Start.
func (s *Server) Restart(ctx context.Context, mode string) error {
	if err := s.Stop(ctx, mode); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Freeze stops all processes of the server where they are; connections stay open.
func (s *Server) Freeze() error {
	_, err := s.process().stopFamily()
	return err
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error {
	proc := s.process()
	if !proc.running() {
		return nil
	}
	pids, err := proc.family()
	signalAll(pids, syscall.SIGCONT)
	return err
}

// Log is what the server has said in all its lives.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.file(".log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) tail() string { return tail(s.Log()) }

func (s *Server) close() error {
	err := s.Crash()
	s.Replication.Close()
	return errors.Join(err, s.wal.close(), s.data.close(), s.notify.close())
}

// exec runs a statement as the superuser.
func (s *Server) exec(ctx context.Context, sql string) error {
	return s.connected(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// query scans the only row of a query.
func (s *Server) query(ctx context.Context, sql string, into ...any) error {
	return s.connected(ctx, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(into...) })
}

// connected uses a new connection: the server may have changed since the last.
func (s *Server) connected(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn(superuser, superuser))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return f(ctx, conn)
}

const queryLimit = 30 * time.Second // for queries of the harness, on a machine with several installations; promotion has its own

// await asks a question until the answer is true.
func (s *Server) await(ctx context.Context, question string) error {
	for {
		var yes bool
		err := s.query(ctx, question, &yes)
		if err == nil && yes {
			return nil
		}
		if !wait.For(ctx, pollEvery) {
			return fmt.Errorf("server %s: %s is not so: %w (%s)", s.Name, question, errors.Join(ctx.Err(), err), s.tail())
		}
	}
}

// tail is the last of a log on one line.
func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}
