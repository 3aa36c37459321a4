package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"dateline/internal/demo"
	"dateline/internal/liveblog"
)

// demoCommand plays a scripted event into a running server.
type demoCommand struct {
	Server string  `placeholder:"URL" help:"Where Dateline runs; by default, the address it listens on."`
	Token  string  `env:"DATELINE_TOKEN" help:"API token with the scopes posts:write, blogs:write and media:write. Without one, a token for a day is made in the database."`
	Speed  float64 `default:"60" help:"How much faster than real time. The event takes about 90 minutes."`
	Slug   string  `help:"Slug of the blog to make; by default it holds the time."`
	Loop   bool    `help:"Start again with a new blog when the event is over."`
}

// demoTokenLife is how long a token that the demo makes for itself is good.
const demoTokenLife = 1 // day

// Run is called by kong. It plays until the event is over, or until Ctrl-C.
func (d *demoCommand) Run(ctx context.Context, c *Config, term console) error {
	if d.Speed <= 0 {
		return errors.New("--speed must be more than 0")
	}
	if d.Server == "" {
		d.Server = "http://" + localHost(c.Listen)
	}
	if err := untilReady(ctx, d.Server); err != nil {
		return fmt.Errorf("%w; start it with `make run` or `dateline serve`", err)
	}
	if err := d.ensureToken(ctx, c); err != nil {
		return err
	}
	err := d.play(ctx, term)
	for d.Loop && err == nil {
		d.Slug = ""
		err = d.play(ctx, term)
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(term.out, "stopped")
		return nil
	}
	return err
}

// startGrace is how long a server that was just started gets to be ready.
const startGrace = 10 * time.Second

// untilReady returns nil once the server is ready.
func untilReady(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	tick := time.NewTicker(startGrace / 50)
	defer tick.Stop()
	for {
		err := ready(ctx, server)
		if err == nil || errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// ensureToken makes a token where the database is at hand, as it is beside a
// server with its private PostgreSQL.
func (d *demoCommand) ensureToken(ctx context.Context, c *Config) error {
	if d.Token != "" {
		return nil
	}
	db, err := openMigrated(ctx, c)
	if err != nil {
		return fmt.Errorf("%w; or give an API token with --token", err)
	}
	create := tokenCreate{Name: "dateline demo", Expires: demoTokenLife}
	token := &liveblog.Token{Name: create.Name, Scopes: []liveblog.Scope{liveblog.ScopePostWrite, liveblog.ScopeBlogWrite, liveblog.ScopeMedia}}
	d.Token, err = create.create(ctx, db, token)
	return errors.Join(err, db.Close())
}

func (d *demoCommand) play(ctx context.Context, term console) error {
	if d.Slug == "" {
		d.Slug = "lantern-cup-" + time.Now().UTC().Format("20060102-150405")
	}
	fmt.Fprintf(term.out, "Follow it at %s/b/%s\n", d.Server, d.Slug)
	p := demo.Player{Client: demo.NewClient(d.Server, d.Token), Slug: d.Slug, Speed: d.Speed, OnStep: func(s demo.Step) {
		fmt.Fprintf(term.out, "%6s  %-8s %s %s\n", s.At.Round(time.Second), s.Action, s.Name, s.Post.Title)
	}}
	return p.Play(ctx, demo.Script())
}
