package listen

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// writeTimeout is the time from a request's head to the end of its response.
const writeTimeout = 2 * time.Minute

// NewServer makes an HTTP server with limits for what a client may keep open. A
// stream outlives the write timeout: it sets a deadline for each of its writes.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       ConnContext,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
}

// Serve serves until ctx ends. Then it calls drain, accepts no new connection,
// waits for running requests and closes what is left when stopTimeout is over.
func Serve(ctx context.Context, s *http.Server, stopTimeout time.Duration, drain func(context.Context), listeners ...net.Listener) error {
	serving, ended := errgroup.WithContext(ctx)
	for _, l := range listeners {
		serving.Go(func() error { return s.Serve(l) })
	}
	<-ended.Done()
	if ctx.Err() == nil {
		_ = s.Close() // one listener failed; the others end with it
		return serving.Wait()
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
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

// CloseOnDrain makes clients open a new connection while the node drains: to
// another node, or to the one that takes its place. Then no client sends a request
// on a connection that is about to close.
func CloseOnDrain(next http.Handler, draining func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		growStack(0)
		if draining() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// growStack makes the goroutine's stack large enough for all that a request calls,
// once and while it is shallow. Otherwise the runtime copies the stack in the middle
// of the deepest calls, which takes a twentieth of a node's CPU in a storm.
//
//go:noinline
func growStack(index byte) byte {
	var room [6 << 10]byte
	return room[index]
}
