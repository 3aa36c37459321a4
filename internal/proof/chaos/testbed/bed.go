//go:build unix

package testbed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"dateline/internal/localpg"
	"dateline/internal/proof/program"
)

// Config says what a bed is made of.
type Config struct {
	Dir string // for data, configuration and logs; made when missing, left by Close
	// Tools are the PostgreSQL programs, the same for all beds of a run; found when nil.
	Tools *localpg.Tools
	// Fresh is the data that the first server begins with; made by initdb when nil.
	Fresh  *Fresh
	Binary string // of the program, as program.Build makes it
	Nodes  int
	// Standby adds a second server that follows the first. Synchronous makes
	// every commit wait for it, and tells the nodes so.
	Standby, Synchronous bool
	Nginx                bool // before the nodes, configured as shipped
	Durable              bool // fsync, as in production
	// WALDisk, DataDisk and NotifyDisk give each server small disks of their own,
	// in KiB, for its log, its tables and its queue of notifications. They can be
	// filled, and need root. 0 is none.
	WALDisk, DataDisk, NotifyDisk int
	Settings                      []string                // more of PostgreSQL, each "name = value"
	NodeEnv                       func(node int) []string // more environment of a node, "NAME=value"
	NodeArgs                      func(node int) []string // more flags of a node
	Log                           *slog.Logger            // what the bed does; discarded when nil
}

// Bed is a running installation.
type Bed struct {
	config  Config
	log     *slog.Logger
	tools   *localpg.Tools
	spawner *program.Spawner

	password string // of PostgreSQL
	secret   string // of the nodes

	ports   []io.Closer // that are ours
	servers []*Server
	nodes   []*Node
	front   *front

	mu      sync.Mutex // guards the roles
	primary *Server
	standby *Server // nil without one

	closing sync.Once
	closed  error
}

// Start returns when all parts answer. ctx limits the start only; when it fails,
// nothing is left but the files.
func Start(ctx context.Context, config Config) (*Bed, error) {
	b, err := newBed(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the bed: %w", err), b.Close())
	}
	return b, nil
}

func newBed(ctx context.Context, config Config) (b *Bed, err error) {
	if config.Dir, err = filepath.Abs(config.Dir); err != nil {
		return nil, err
	}
	b = &Bed{config: config, log: config.Log, password: rand.Text(), secret: rand.Text() + rand.Text()}
	if config.Fresh != nil {
		b.password = config.Fresh.password
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.tools = config.Tools; b.tools == nil {
		if b.tools, err = localpg.FindTools(ctx, b.log); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(config.Dir, 0o711); err != nil { // PostgreSQL's account passes through
		return nil, err
	}
	if err := b.tools.CheckDir(config.Dir); err != nil {
		return nil, err
	}
	b.spawner = program.NewSpawner()
	return b, nil
}

func (b *Bed) start(ctx context.Context) error {
	if err := b.startServers(ctx); err != nil {
		return err
	}
	if err := b.startNodes(ctx); err != nil {
		return err
	}
	if !b.config.Nginx {
		return nil
	}
	var err error
	b.front, err = b.startFront(ctx)
	return err
}

func (b *Bed) startServers(ctx context.Context) error {
	names := []string{"a", "b"}
	if !b.config.Standby {
		names = names[:1]
	}
	for _, name := range names {
		s, err := b.newServer(name)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, s)
	}
	b.primary = b.servers[0]
	if err := b.primary.create(ctx); err != nil {
		return err
	}
	if !b.config.Standby {
		return nil
	}
	return b.Rejoin(ctx)
}

func (b *Bed) startNodes(ctx context.Context) error {
	for i := range b.config.Nodes {
		n, err := b.newNode(i + 1)
		if err != nil {
			return err
		}
		b.nodes = append(b.nodes, n)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range b.nodes {
		group.Go(func() error { return errors.Join(n.Start(ctx), n.WaitReady(ctx)) })
	}
	return group.Wait()
}

// Close ends everything at once, frozen or not. The files stay.
func (b *Bed) Close() error {
	b.closing.Do(func() {
		var errs []error
		if b.front != nil {
			errs = append(errs, b.front.close())
		}
		for _, n := range b.nodes {
			n.close()
		}
		for _, s := range b.servers {
			errs = append(errs, s.close())
		}
		b.spawner.Close()
		for _, p := range b.ports {
			errs = append(errs, p.Close())
		}
		b.closed = errors.Join(errs...)
	})
	return b.closed
}

// FrontURL is where clients connect: nginx, or the first node without one.
func (b *Bed) FrontURL() string {
	if b.front == nil {
		return b.nodes[0].URL()
	}
	return b.front.url
}

// Nodes are all nodes, by number.
func (b *Bed) Nodes() []*Node { return b.nodes }

// Servers are the two places of PostgreSQL, or one without a standby.
func (b *Bed) Servers() []*Server { return b.servers }

// Primary is the server that takes writes now.
func (b *Bed) Primary() *Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.primary
}

// Standby is the server that follows the primary, nil when there is none now.
func (b *Bed) Standby() *Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.standby
}

func (b *Bed) setRoles(primary, standby *Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.primary, b.standby = primary, standby
}

// DSN is a superuser's connection string for the product's database, straight
// to the server that is the primary now.
func (b *Bed) DSN() string { return b.Primary().DSN() }
