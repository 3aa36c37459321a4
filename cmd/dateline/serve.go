package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dateline/internal/listen"
)

// Time limits of starting and stopping.
const (
	connectLimit  = 5 * time.Second
	requestsLimit = 40 * time.Second // for streams and running requests, after a signal
	// noticeTime is the least time from a failing /readyz to refusing connections, in
	// which connected load balancers notice that the node drains.
	noticeTime = time.Second
)

// serveCommand runs one node.
type serveCommand struct{}

// Run is called by kong. The part that is started first is stopped last.
func (*serveCommand) Run(ctx context.Context, c *Config, term console) (err error) {
	if err := awaitDatabase(ctx, c); err != nil { // before listening: clients connect to other nodes meanwhile
		return err
	}
	files, err := divideFiles(openFiles(), c.Streams)
	if err != nil {
		return err
	}
	listeners, err := listen.Open(ctx, c.Listen, files.connections)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; stop the other program or choose another --listen", c.Listen, err)
	}
	defer func() { _ = listeners.Close() }() // after an error; otherwise the server has closed them
	c.Listen = listeners.Address()           // with the port, when that was left to the system
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CheckIdentity(ctx); err != nil { // before anything is sent
		return err
	}
	if err := createFirstUser(ctx, c, db); err != nil {
		return err
	}
	n, err := newNode(ctx, c, db, files.streams)
	if err != nil {
		return err
	}
	if err := printBanner(ctx, c, db, term); err != nil {
		return err
	}
	return n.serve(ctx, c, listeners)
}
