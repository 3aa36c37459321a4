package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dateline/internal/localpg"
	"dateline/internal/markup"
	"dateline/internal/postgres"
)

// database is an open store and what it runs on.
type database struct {
	*postgres.DB
	dsn         string
	description string
	cluster     *localpg.Cluster // nil when the operator brings PostgreSQL
}

// openDatabase starts the private PostgreSQL when there is no other, and checks
// that the server answers: errors say what to do, on one line.
func openDatabase(ctx context.Context, c *Config) (*database, error) {
	d := &database{dsn: c.DatabaseURL, description: describe(c.DatabaseURL)}
	if d.dsn == "" {
		if err := d.startCluster(ctx, c); err != nil {
			return nil, err
		}
	}
	if err := tryConnect(ctx, d.dsn); err != nil {
		return nil, errors.Join(err, d.stopCluster())
	}
	var err error
	if d.DB, err = postgres.Open(ctx, postgres.Config{DSN: d.dsn, Synchronous: c.Replication == "sync", RenderVersion: markup.Version}); err != nil {
		return nil, errors.Join(err, d.stopCluster())
	}
	return d, nil
}

// openMigrated also brings the schema up to date, as every command that writes needs.
func openMigrated(ctx context.Context, c *Config) (*database, error) {
	d, err := openDatabase(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := postgres.Migrate(ctx, d.dsn); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate: %w", err), d.Close())
	}
	return d, nil
}

func (d *database) startCluster(ctx context.Context, c *Config) error {
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return err
	}
	d.cluster, err = localpg.Start(ctx, localpg.Config{Dir: dir, Log: slog.Default()})
	if err != nil {
		return err
	}
	d.dsn, d.description = d.cluster.DSN(localpg.Database), d.cluster.Describe()+" (for evaluation; set DATABASE_URL in production)"
	return nil
}

func (d *database) stopCluster() error {
	if d.cluster == nil {
		return nil
	}
	return d.cluster.Close()
}

// Close ends the connections, and the private PostgreSQL if it was started here.
func (d *database) Close() error {
	d.DB.Close()
	return d.stopCluster()
}

// describe names server and database, without user and password.
func describe(dsn string) string {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("PostgreSQL at %s, database %s", hostOf(config), config.Database)
}

func hostOf(config *pgx.ConnConfig) string {
	if strings.HasPrefix(config.Host, "/") {
		return config.Host
	}
	return net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
}

var errDatabaseURL = errors.New("DATABASE_URL is not understood: write it like postgres://user:password@host:5432/database, " +
	"with special characters of the password percent-encoded")

// tryConnect connects once and explains a failure, or why the server won't do.
func tryConnect(ctx context.Context, dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return errDatabaseURL
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		explained := explain(config, err)
		if isTransient(err) {
			return &awayError{explained.Error()}
		}
		return explained
	}
	return errors.Join(postgres.CheckServer(ctx, conn), conn.Close(ctx))
}

// SQLSTATEs of a refused connection (PostgreSQL manual, appendix A).
const (
	wrongPassword   = "28P01"
	notAllowed      = "28000"
	noSuchDatabase  = "3D000"
	tooManyClients  = "53300"
	notYetAccepting = "57P03"
)

// explain turns a failure to connect into one line that says what to do. It
// never holds the password.
func explain(config *pgx.ConnConfig, err error) error {
	host := hostOf(config)
	e, answered := errors.AsType[*pgconn.PgError](err)
	if !answered {
		return fmt.Errorf("no PostgreSQL answers at %s (%s): is it running, and are host and port in DATABASE_URL right? "+
			"Without DATABASE_URL a private one is started", host, reason(err))
	}
	switch e.Code {
	case wrongPassword, notAllowed:
		return fmt.Errorf("PostgreSQL at %s refuses user %q: check user and password in DATABASE_URL (%s)", host, config.User, e.Message)
	case noSuchDatabase:
		return fmt.Errorf("PostgreSQL at %s has no database %q: make it with `createdb -h %s -p %d -U %s %s`, or correct DATABASE_URL",
			host, config.Database, config.Host, config.Port, config.User, config.Database)
	case tooManyClients:
		return fmt.Errorf("PostgreSQL at %s has no free connection: raise max_connections or stop other clients", host)
	case notYetAccepting:
		return fmt.Errorf("PostgreSQL at %s is starting or stopping: try again in a moment", host)
	}
	return fmt.Errorf("PostgreSQL at %s: %s (SQLSTATE %s)", host, e.Message, e.Code)
}

// reason is the innermost cause on one line.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + connectLimit.String()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "unknown host " + dns.Name
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
