package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"dateline/admin"
	"dateline/internal/auth"
	"dateline/internal/liveblog"
	"dateline/internal/media"
	"dateline/internal/postgres"
	"dateline/internal/server"
	"dateline/internal/server/pages"
	"dateline/internal/stream"
	"dateline/internal/views"
	"dateline/web"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

const (
	// streamsPerSecond is how many new streams a node lets in, a quarter of them
	// at once: about as many as two cores open.
	streamsPerSecond = 20_000
	// tidyInterval is how often what has expired is deleted; a node that asks a
	// little earlier than that after the last time is not sent away.
	tidyInterval = 10 * time.Minute
	tidySlack    = 10 * time.Second
)

// node is one process of the product at work: the parts and what connects them.
type node struct {
	db       *database
	registry *prometheus.Registry
	hub      *stream.Hub
	bell     *postgres.Bell
	listener *postgres.Listener
	batcher  *views.Batcher
	handler  http.Handler

	keepEvents int64 // of each blog; 0 is all
	retention  retention
}

func newNode(ctx context.Context, c *Config, db *database, streams int) (*node, error) {
	renderer, err := pages.NewRenderer(web.Templates, web.Assets)
	if err != nil {
		return nil, err
	}
	n := &node{db: db, registry: newRegistry(), keepEvents: c.KeepEvents, retention: newRetention(c)}
	n.hub = stream.New(db, renderer.Encode, newStreamMetrics(n.registry), stream.Limits{
		Streams: streams, PerBlog: c.StreamsPerBlog, PerAddress: c.StreamsPerAddress, PerSecond: streamsPerSecond,
	})
	n.hub.Compress = c.Compress
	n.bell = postgres.NewBell(db.DB)
	n.listener = postgres.NewListener(db.DB, n.hub)
	n.batcher = views.New(db, n.hub, uuid.New())
	db.OnWrite(func(blogID uuid.UUID, seq int64) {
		n.hub.Wake(blogID, seq)
		n.bell.Ring(blogID, seq)
	})
	watch(n.registry, n.hub, n.listener, db)
	if err := n.route(ctx, c, renderer); err != nil {
		return nil, err
	}
	if c.Engine == "auto" {
		n.useFastPath(ctx)
	}
	return n, nil
}

// useFastPath gives readers a loop per core. A loop that walks its readers makes
// one short system call after the other and holds on to its place in Go's
// scheduler meanwhile, so those who publish get as many places besides: the
// kernel, which is fairer, shares the cores out.
func (n *node) useFastPath(ctx context.Context) {
	loops := runtime.GOMAXPROCS(0)
	if err := n.hub.UseFastPath(loops); err != nil {
		slog.InfoContext(ctx, "streams take the portable path", "reason", err)
		return
	}
	runtime.GOMAXPROCS(2 * loops)
}

// route makes the handler of all requests.
func (n *node) route(ctx context.Context, c *Config, renderer *pages.Renderer) error {
	who, err := newAuth(ctx, c, n.db)
	if err != nil {
		return err
	}
	built, err := fs.Sub(admin.FS, "dist")
	if err != nil {
		return err
	}
	public, err := c.publicURL()
	if err != nil {
		return err
	}
	proxies, err := c.trustedProxies()
	if err != nil {
		return err
	}
	pictures, err := mediaStore(c, n.db)
	if err != nil {
		return err
	}
	n.retention.files, _ = pictures.(*media.Dir)
	s, err := server.New(server.Options{
		PublicURL: public, TrustedProxies: proxies, Version: version, Ready: n.ready, RatePerMinute: c.RateLimit,
		AddressRate: c.AddressRate, AddressReads: c.AddressReads, PageTokens: c.StreamsPerAddress,
		Blogs: n.db, Posts: n.db, Pages: n.db, Media: pictures, Counts: n.db,
		Auth: who, Setup: n.db, Users: n.db, Tokens: n.db, Members: n.db,
		Hub: n.hub, Outdated: n.hub.Outdated, Superseded: n.hub.Superseded, Observer: newRequestMetrics(n.registry), Views: n.batcher, Admin: built, Renderer: renderer,
	})
	if err != nil {
		return err
	}
	n.handler = s.Handler()
	return nil
}

func newAuth(ctx context.Context, c *Config, db *database) (*auth.Service, error) {
	stored, err := db.SigningKeys(ctx, operator())
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	keys, err := auth.NewKeys(stored, secret)
	if err != nil {
		return nil, err
	}
	return auth.NewService(db, keys, time.Now), nil
}

// ready says whether this node should get requests.
func (n *node) ready(ctx context.Context) error {
	switch {
	case n.hub.Draining():
		return liveblog.Errorf(liveblog.ErrUnavailable, "draining", "the node is leaving")
	case !n.listener.Healthy():
		return liveblog.Errorf(liveblog.ErrUnavailable, "listener", "no news from the database")
	default:
		return n.db.Ping(ctx)
	}
}

// serve answers until ctx ends or a server fails. Readers leave first, the
// parts behind the servers stop last, so that a running request finds them.
func (n *node) serve(ctx context.Context, c *Config, main *gate) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	for _, run := range []func(context.Context){n.hub.Run, n.bell.Run, n.listener.Run, n.listener.Poll, n.batcher.Run, n.tidy} {
		parts.Go(func() { run(background) })
	}
	parts.Go(func() { giveBackMemory(background, n.hub.Streams) })
	defer parts.Wait()
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		s := newHTTPServer(sendOff(n.handler, n.hub.Draining))
		return serveHTTP(ctx, s, func(ctx context.Context) { n.leave(ctx, main) }, main.doors...)
	})
	if c.MetricsListen != "" {
		g.Go(func() error { return serveMetrics(ctx, c.MetricsListen, n.registry) })
	}
	return g.Wait()
}

// leave sends readers on and returns when all are gone. Where anybody is
// connected, it takes at least as long as the others need to notice.
func (n *node) leave(ctx context.Context, main *gate) {
	noticed := time.NewTimer(noticeTime)
	defer noticed.Stop()
	n.hub.Drain(ctx)
	if main.open() == 0 {
		return
	}
	select {
	case <-noticed.C:
	case <-ctx.Done():
	}
}

// tidy deletes what has expired, now and then, on one of the nodes.
func (n *node) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := n.db.Upkeep(ctx, tidyInterval-tidySlack, n.forget); err != nil {
			slog.WarnContext(ctx, "delete what has expired", "error", err)
		}
	}
}

func (n *node) forget(ctx context.Context) error {
	var errs []error
	for _, forget := range []func(context.Context) error{
		n.db.ForgetIdempotencyKeys, n.db.ForgetSessions, n.db.ForgetAttempts, n.db.ForgetReaders, n.db.ForgetTokens, n.prune, n.retain,
	} {
		errs = append(errs, forget(ctx))
	}
	return errors.Join(errs...)
}

// prune keeps the logs at the length that the operator wants.
func (n *node) prune(ctx context.Context) error {
	if n.keepEvents == 0 {
		return nil
	}
	_, err := n.db.PruneEvents(ctx, operator(), nil, n.keepEvents)
	return err
}
