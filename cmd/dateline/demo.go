package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"dateline/internal/demo"
)

// DemoCmd plays a scripted event into a running Dateline.
type DemoCmd struct {
	URL   string  `help:"Where Dateline runs." default:"http://127.0.0.1:8080"`
	Token string  `help:"API token with the scopes posts:write, blogs:write and media:write." env:"DATELINE_TOKEN"`
	Speed float64 `help:"How much faster than real time; the event takes 90 minutes." default:"60"`
	Slug  string  `help:"Slug of the blog to make; the default holds the time."`
	Loop  bool    `help:"Start again with a new blog when the event is over."`
}

// errNoToken tells how to get a token.
var errNoToken = errors.New(`the demo needs an API token: make one in the admin under "API tokens"
with the scopes posts:write, blogs:write and media:write, and give it as --token or DATELINE_TOKEN`)

// Run plays the event until it is over, or until Ctrl-C.
func (d *DemoCmd) Run() error {
	if d.Token == "" {
		return errNoToken
	}
	if d.Speed <= 0 {
		return errors.New("--speed must be more than 0")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for {
		if err := d.play(ctx); err != nil {
			return quietly(ctx, err)
		}
		if !d.Loop {
			return nil
		}
		d.Slug = ""
	}
}

func (d *DemoCmd) play(ctx context.Context) error {
	if d.Slug == "" {
		d.Slug = "lantern-cup-" + time.Now().UTC().Format("20060102-150405")
	}
	fmt.Printf("Follow it at %s/b/%s\n", d.URL, d.Slug)
	p := demo.Player{Client: demo.NewClient(d.URL, d.Token), Slug: d.Slug, Speed: d.Speed, OnStep: tell}
	return p.Play(ctx, demo.Script())
}

func tell(s demo.Step) {
	fmt.Printf("%6s  %-8s %s %s\n", s.At.Round(time.Second), s.Action, s.Name, s.Post.Title)
}

// quietly turns an error that only says that the user stopped us into none.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		fmt.Println("stopped")
		return nil
	}
	return err
}
