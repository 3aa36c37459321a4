package pages

import (
	"errors"
	"fmt"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/wire"
)

// Encode makes the name and the data of the server-sent event for ev: one line of JSON, without
// the event's number and chain, which the stream puts in front of it. A post that is not
// published any more is sent as delete, whatever the event was at the time.
func (r *Renderer) Encode(ev liveblog.Event) (eventName string, data []byte, err error) {
	name, v, err := r.eventData(ev)
	if err != nil {
		return "", nil, fmt.Errorf("encode event %d: %w", ev.Seq, err)
	}
	data, err = wire.Marshal(v)
	return string(name), data, err
}

func (r *Renderer) eventData(ev liveblog.Event) (liveblog.EventType, any, error) {
	switch {
	case ev.Type == liveblog.EventBlog:
		v, err := r.blogData(ev)
		return ev.Type, v, err
	case ev.Post == nil: // a delete in its place could remove a published post
		return "", nil, errors.New("its post is missing")
	case ev.Post.Status != liveblog.PostPublished:
		return liveblog.EventDelete, gone(ev), nil
	case ev.Type == liveblog.EventDelete: // published again since, as a later event says
		return ev.Type, wire.DeleteEvent{ID: ev.Post.ID, Version: ev.Version}, nil
	default:
		v, err := r.postData(ev.Post, ev.Slug)
		return ev.Type, v, err
	}
}

// gone has the version of the removal, so that a client that keeps the highest version does not
// go back to an older one.
func gone(ev liveblog.Event) wire.DeleteEvent {
	return wire.DeleteEvent{ID: ev.Post.ID, Version: max(ev.Version, ev.Post.Version)}
}

func (r *Renderer) postData(p *liveblog.Post, slug string) (*wire.PostEvent, error) {
	article, err := r.article(p, slug)
	if err != nil {
		return nil, err
	}
	return &wire.PostEvent{Post: wire.NewPost(p, slug), Headline: markup.Headline(p), Article: article}, nil
}

func (r *Renderer) blogData(ev liveblog.Event) (*wire.BlogEvent, error) {
	v := &wire.BlogEvent{Blog: wire.NewBlog(ev.Blog)}
	if ev.Pinned == nil || ev.Pinned.Status != liveblog.PostPublished {
		return v, nil
	}
	var err error
	v.PinnedPost, err = r.postData(ev.Pinned, ev.Blog.Slug)
	return v, err
}
