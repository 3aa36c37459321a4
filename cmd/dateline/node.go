package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"dateline/admin"
	"dateline/internal/auth"
	"dateline/internal/listen"
	"dateline/internal/liveblog"
	"dateline/internal/media"
	"dateline/internal/memory"
	"dateline/internal/metrics"
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
	// streamsPerSecond is how many new streams a node admits, a quarter of them at
	// once: about as many as two cores can open.
	streamsPerSecond = 20_000
	// upkeepInterval is how often expired data is deleted; upkeepSlack is how much
	// earlier a node may start after the last time.
	upkeepInterval = 10 * time.Minute
	upkeepSlack    = 10 * time.Second
)

// node is one process of the product: its parts and what connects them.
type node struct {
	db       *database
	registry *prometheus.Registry
	hub      *stream.Hub
	notifier *postgres.Notifier
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
	n := &node{db: db, registry: metrics.NewRegistry(version), keepEvents: c.KeepEvents, retention: newRetention(c)}
	n.hub = stream.New(db, renderer.Encode, metrics.NewStreams(n.registry), stream.Limits{
		Streams: streams, PerBlog: c.StreamsPerBlog, PerAddress: c.StreamsPerAddress, PerSecond: streamsPerSecond,
	})
	n.hub.Compress = c.Compress
	n.notifier = postgres.NewNotifier(db.DB)
	n.listener = postgres.NewListener(db.DB, n.hub)
	n.batcher = views.New(db, n.hub, uuid.New())
	db.OnWrite(func(blogID uuid.UUID, seq int64) {
		n.hub.Wake(blogID, seq)
		n.notifier.Notify(blogID, seq)
	})
	metrics.Register(n.registry, n.hub, n.listener, db)
	if err := n.route(ctx, c, renderer); err != nil {
		return nil, err
	}
	if c.Engine == "auto" {
		n.useFastPath(ctx)
	}
	return n, nil
}

// useFastPath serves readers by one loop per core. A loop that writes to its readers
// makes one short system call after the other, and keeps its P of Go's scheduler
// meanwhile. So publishers get as many Ps besides, and the kernel, which is fairer,
// divides the cores.
func (n *node) useFastPath(ctx context.Context) {
	loops := runtime.GOMAXPROCS(0)
	if err := n.hub.UseFastPath(loops); err != nil {
		slog.InfoContext(ctx, "streams take the portable path", "reason", err)
		return
	}
	runtime.GOMAXPROCS(2 * loops)
}

// route makes the handler for all requests.
func (n *node) route(ctx context.Context, c *Config, renderer *pages.Renderer) error {
	authentication, err := newAuth(ctx, c, n.db)
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
		Auth: authentication, Setup: n.db, Users: n.db, Tokens: n.db, Members: n.db,
		Hub: n.hub, Outdated: n.hub.Outdated, Superseded: n.hub.Superseded, Observer: metrics.NewRequests(n.registry), Views: n.batcher, Admin: built, Renderer: renderer,
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

// ready returns nil when this node should get requests.
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

// serve serves until ctx ends or a server fails. Streams are closed first; the parts
// behind the servers stop last, so that running requests can use them.
func (n *node) serve(ctx context.Context, c *Config, listeners *listen.Listeners) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	for _, run := range []func(context.Context){n.hub.Run, n.notifier.Run, n.listener.Run, n.listener.Poll, n.batcher.Run, n.upkeep} {
		parts.Go(func() { run(background) })
	}
	parts.Go(func() { memory.ReleaseWhenIdle(background, n.hub.Streams) })
	defer parts.Wait()
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		s := listen.NewServer(listen.CloseOnDrain(n.handler, n.hub.Draining))
		return listen.Serve(ctx, s, requestsLimit, func(ctx context.Context) { n.drain(ctx, listeners) }, listeners.All()...)
	})
	if c.MetricsListen != "" {
		g.Go(func() error { return serveMetrics(ctx, c.MetricsListen, n.registry) })
	}
	return g.Wait()
}

// drain sends readers to other nodes and returns when all streams are closed. While
// clients are connected, it lasts at least until load balancers have noticed that
// the node is not ready.
func (n *node) drain(ctx context.Context, listeners *listen.Listeners) {
	noticed := time.NewTimer(noticeTime)
	defer noticed.Stop()
	n.hub.Drain(ctx)
	if listeners.Connections() == 0 {
		return
	}
	select {
	case <-noticed.C:
	case <-ctx.Done():
	}
}

// upkeep deletes expired data, on one node at a time.
func (n *node) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := n.db.Upkeep(ctx, upkeepInterval-upkeepSlack, n.deleteExpired); err != nil {
			slog.WarnContext(ctx, "delete what has expired", "error", err)
		}
	}
}

func (n *node) deleteExpired(ctx context.Context) error {
	var errs []error
	for _, remove := range []func(context.Context) error{
		n.db.ForgetIdempotencyKeys, n.db.ForgetSessions, n.db.ForgetAttempts, n.db.ForgetReaders, n.db.ForgetTokens, n.prune, n.retain, n.renderAnew,
	} {
		errs = append(errs, remove(ctx))
	}
	return errors.Join(errs...)
}

// prune deletes the events beyond the number that the operator wants to keep.
func (n *node) prune(ctx context.Context) error {
	if n.keepEvents == 0 {
		return nil
	}
	_, err := n.db.PruneEvents(ctx, operator(), nil, n.keepEvents)
	return err
}

// serveMetrics answers /metrics on an address of its own, which is not public.
func serveMetrics(ctx context.Context, address string, registry *prometheus.Registry) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s for metrics: %w; choose another --metrics-listen, or an empty one", address, err)
	}
	slog.Info("metrics", "url", "http://"+l.Addr().String()+"/metrics")
	return listen.Serve(ctx, listen.NewServer(metrics.Handler(registry)), requestsLimit, func(context.Context) {}, l)
}
