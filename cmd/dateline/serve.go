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
)

// Time limits of starting and stopping.
const (
	connectLimit  = 5 * time.Second
	requestsLimit = 40 * time.Second // for streams and running requests, after a signal
	answerLimit   = 2 * time.Minute  // from a request's head to the end of its answer
	noticeTime    = time.Second      // from /readyz saying no to refusing connections, for those who are connected
)

// serveCommand runs one node.
type serveCommand struct{}

// Run is called by kong. What was started first is stopped last.
func (*serveCommand) Run(ctx context.Context, c *Config, term console) (err error) {
	if err := awaitDatabase(ctx, c); err != nil { // before there is an address: readers shall go to other nodes meanwhile
		return err
	}
	room, err := divide(openFiles(), c.Streams)
	if err != nil {
		return err
	}
	main, err := newGate(ctx, c.Listen, room.connections)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; stop the other program or choose another --listen", c.Listen, err)
	}
	defer func() { _ = main.close() }() // the server has closed it, unless it never began
	c.Listen = main.address()           // tells the port when it was left to the system
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CheckIdentity(ctx); err != nil { // before anybody is told anything
		return err
	}
	if err := createFirstUser(ctx, c, db); err != nil {
		return err
	}
	n, err := newNode(ctx, c, db, room.streams)
	if err != nil {
		return err
	}
	if err := greet(ctx, c, db, term); err != nil {
		return err
	}
	return n.serve(ctx, c, main)
}

// newHTTPServer limits what a client may keep open. A stream outlives the limit
// for writing: it gives each of its writes a deadline of its own.
func newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      answerLimit,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       introduce,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
}

// serveHTTP serves until ctx ends; then it calls drain, takes no new connection,
// waits for running requests and closes what is left.
func serveHTTP(ctx context.Context, s *http.Server, drain func(context.Context), listeners ...net.Listener) error {
	serving, ended := errgroup.WithContext(ctx)
	for _, l := range listeners {
		serving.Go(func() error { return s.Serve(l) })
	}
	<-ended.Done()
	if ctx.Err() == nil {
		_ = s.Close() // one failed; the others end with it
		return serving.Wait()
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestsLimit)
	defer cancel()
	drain(limit)
	if err := s.Shutdown(limit); err != nil {
		slog.Warn("requests were still running", "error", err)
		_ = s.Close() // closes the connections that Shutdown waited for
	}
	if err := serving.Wait(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
