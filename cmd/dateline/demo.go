package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dateline/internal/demo"
)

// demoCommand plays a scripted event into a running server.
type demoCommand struct {
	URL   string  `default:"http://127.0.0.1:8080" help:"Where the server runs."`
	Token string  `env:"DATELINE_TOKEN" help:"API token with posts:write, blogs:write and media:write. Without one, the demo makes one in the database, good for a day."`
	Speed float64 `default:"60" help:"How much faster than real time; the event takes 90 minutes."`
	Slug  string  `help:"Slug of the blog to make. The default holds the time."`
	Loop  bool    `help:"Start again with a new blog when the event is over."`
}

// Run is called by kong. It ends with the event, or quietly with Ctrl-C.
func (d *demoCommand) Run(ctx context.Context, c *Config, term console) error {
	if d.Speed <= 0 {
		return errors.New("--speed must be more than 0")
	}
	if err := d.ensureToken(ctx, c); err != nil {
		return fmt.Errorf("%w\nThe demo found no token and could not make one. Make one with `dateline token create demo --scope posts:write,blogs:write,media:write` and give it as --token or DATELINE_TOKEN", err)
	}
	for slug := d.Slug; ; slug = "" {
		err := d.play(ctx, slug, term)
		if ctx.Err() != nil {
			fmt.Fprintln(term.out, "stopped")
			return nil
		}
		if err != nil || !d.Loop {
			return err
		}
	}
}

// ensureToken makes a token as the operator would; the secret stays in memory.
func (d *demoCommand) ensureToken(ctx context.Context, c *Config) error {
	if d.Token != "" {
		return nil
	}
	db, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	create := tokenCreate{Name: "demo", Scope: []string{"posts:write", "blogs:write", "media:write"}, Expires: 1}
	token, err := create.token()
	if err == nil {
		d.Token, err = create.create(ctx, db, token)
	}
	return errors.Join(err, db.Close())
}

func (d *demoCommand) play(ctx context.Context, slug string, term console) error {
	if slug == "" {
		slug = "lantern-cup-" + time.Now().UTC().Format("20060102-150405")
	}
	fmt.Fprintf(term.out, "Follow it at %s/b/%s\n", strings.TrimSuffix(d.URL, "/"), slug)
	p := demo.Player{Client: demo.NewClient(d.URL, d.Token), Slug: slug, Speed: d.Speed, OnStep: func(s demo.Step) {
		fmt.Fprintf(term.out, "%6s  %-8s %s\n", s.At, s.Action, s.Name)
	}}
	return p.Play(ctx, demo.Script())
}
