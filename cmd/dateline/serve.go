package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"dateline/internal/auth"
	"dateline/internal/server"
)

// Time limits of starting and stopping.
const (
	connectLimit  = 5 * time.Second
	requestsLimit = 10 * time.Second // for running requests, after a signal
)

// serveCommand runs one node.
type serveCommand struct{}

// Run is called by kong. What was started first is stopped last.
func (*serveCommand) Run(ctx context.Context, c *Config, term console) (err error) {
	main, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; stop the other program or choose another --listen", c.Listen, err)
	}
	defer main.Close()
	c.Listen = main.Addr().String() // tells the port when it was left to the system
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := createFirstUser(ctx, c, db); err != nil {
		return err
	}
	handler, err := newHandler(ctx, c, db)
	if err != nil {
		return err
	}
	if err := greet(ctx, c, db, term); err != nil {
		return err
	}
	return serveAll(ctx, c, main, handler)
}

// newHandler makes the server and all it is made of.
func newHandler(ctx context.Context, c *Config, db *database) (http.Handler, error) {
	public, err := c.publicURL()
	if err != nil {
		return nil, err
	}
	proxies, err := c.trustedProxies()
	if err != nil {
		return nil, err
	}
	service, err := newAuth(ctx, c, db)
	if err != nil {
		return nil, err
	}
	s, err := server.New(server.Options{
		PublicURL: public, TrustedProxies: proxies, Version: version,
		Blogs: db, Posts: db,
		Auth: service, Setup: db, Users: db, Tokens: db, Members: db, Media: db,
	})
	if err != nil {
		return nil, err
	}
	return s.Handler(), nil
}

// newAuth reads the keys that all nodes share; the first node makes them.
func newAuth(ctx context.Context, c *Config, db *database) (*auth.Service, error) {
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	stored, err := db.SigningKeys(ctx, operator())
	if err != nil {
		return nil, err
	}
	keys, err := auth.NewKeys(stored, secret)
	if err != nil {
		return nil, err
	}
	return auth.NewService(db, keys, time.Now), nil
}

// serveAll answers until ctx ends or a server fails, then lets running requests
// finish.
func serveAll(ctx context.Context, c *Config, main net.Listener, handler http.Handler) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveHTTP(ctx, main, newHTTPServer(handler)) })
	if c.MetricsListen != "" {
		g.Go(func() error { return serveMetrics(ctx, c.MetricsListen) })
	}
	return g.Wait()
}

// newHTTPServer limits what a client may keep open. There is no limit for
// writing: streams last; each write has its own deadline.
func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
}

// serveHTTP serves until ctx ends; then it takes no new connection, waits for
// running requests and closes what is left.
func serveHTTP(ctx context.Context, l net.Listener, s *http.Server) error {
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestsLimit)
	defer cancel()
	if err := s.Shutdown(limit); err != nil {
		slog.Warn("requests were still running", "error", err)
		_ = s.Close() // closes the connections that Shutdown waited for
	}
	<-failed // http.ErrServerClosed
	return nil
}
