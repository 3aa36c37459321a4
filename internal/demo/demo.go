// Package demo plays a scripted event into a running Dateline through its
// API, as a newsroom's program would: an invented rowing final of an hour and
// a half, in real time or faster. The same code shows the product to people
// and drives the end-to-end test.
package demo

import (
	"context"
	"fmt"
	"image"
	"strings"
	"time"

	"dateline/internal/wait"
)

// Action is what a step does.
type Action string

// The actions of a script.
const (
	Open     Action = "open"     // makes the blog
	Upload   Action = "upload"   // uploads the image Name
	Publish  Action = "publish"  // publishes Post under Name
	Edit     Action = "edit"     // replaces what is set in Post
	Delete   Action = "delete"   // removes the post Name
	Pin      Action = "pin"      // pins the post Name
	Unpin    Action = "unpin"    // pins nothing
	Describe Action = "describe" // changes the blog's title or summary
	Close    Action = "close"    // ends the blog
)

// Step is one thing an editor does. Steps refer to posts and images by name.
type Step struct {
	At     time.Duration // after the start
	Action Action
	Name   string
	Post   Post
	Blog   Blog
	Image  Image
}

// Image is a picture that the program draws when it is uploaded.
type Image struct {
	Draw                 func() image.Image
	Alt, Caption, Credit string
}

// Player plays one script into one blog.
type Player struct {
	Client *Client
	Slug   string     // of the blog that is made
	Speed  float64    // 60 plays an hour in a minute; 0 does not wait at all
	OnStep func(Step) // called after each step; may be nil

	posts  map[string]string // name to id
	images map[string]string // name to Markdown
}

// Play does all steps in their order, each at its time, until ctx ends.
func (p *Player) Play(ctx context.Context, steps []Step) error {
	p.posts, p.images = map[string]string{}, map[string]string{}
	begin := time.Now()
	for _, s := range steps {
		if err := p.wait(ctx, begin, s.At); err != nil {
			return err
		}
		if err := p.do(ctx, s); err != nil {
			return fmt.Errorf("%s %q at %v: %w", s.Action, s.Name, s.At, err)
		}
		if p.OnStep != nil {
			p.OnStep(s)
		}
	}
	return nil
}

// Posts gives the id of each post that was published, by its name.
func (p *Player) Posts() map[string]string { return p.posts }

func (p *Player) wait(ctx context.Context, begin time.Time, at time.Duration) error {
	if p.Speed <= 0 {
		return ctx.Err()
	}
	due := begin.Add(time.Duration(float64(at) / p.Speed))
	if !wait.For(ctx, time.Until(due)) {
		return ctx.Err()
	}
	return nil
}

func (p *Player) do(ctx context.Context, s Step) error {
	c := p.Client
	switch s.Action {
	case Open:
		return c.CreateBlog(ctx, p.Slug, s.Blog)
	case Describe:
		return c.UpdateBlog(ctx, p.Slug, s.Blog)
	case Close:
		return c.EndBlog(ctx, p.Slug)
	case Upload:
		return p.upload(ctx, s)
	case Publish:
		return p.publish(ctx, s)
	case Edit:
		return c.UpdatePost(ctx, p.Slug, p.posts[s.Name], p.illustrated(s.Post))
	case Delete:
		return c.DeletePost(ctx, p.Slug, p.posts[s.Name])
	case Pin:
		return c.Pin(ctx, p.Slug, p.posts[s.Name])
	case Unpin:
		return c.Pin(ctx, p.Slug, "")
	}
	return fmt.Errorf("unknown action %q", s.Action)
}

func (p *Player) publish(ctx context.Context, s Step) (err error) {
	p.posts[s.Name], err = p.Client.CreatePost(ctx, p.Slug, p.illustrated(s.Post))
	return err
}

func (p *Player) upload(ctx context.Context, s Step) (err error) {
	p.images[s.Name], err = p.Client.Upload(ctx, s.Image)
	return err
}

// illustrated puts the uploaded images where the text names them: {{name}}.
func (p *Player) illustrated(post Post) Post {
	for name, markdown := range p.images {
		post.Body = strings.ReplaceAll(post.Body, "{{"+name+"}}", markdown)
	}
	return post
}
