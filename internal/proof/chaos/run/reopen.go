//go:build unix

package run

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/history"
	"dateline/internal/wait"
)

// reopened ends blogs under their readers, corrects what was published on them,
// opens them again and posts: clients that look again follow again.
func reopened(times int) act {
	return act{
		name:   "reopened",
		settle: briefly,
		workload: func(c *workload) {
			c.Blogs, c.Publishers, c.Streams, c.Polls, c.Slow, c.Stay, c.Again = 2, 6, 40, 20, 0, 4*time.Second, time.Second
			c.Edits, c.Deletes = 30, 8
		},
		play: func(ctx context.Context, r *run, s *stage) error {
			for i := range times {
				slug := s.slugs[i%len(s.slugs)]
				r.say("end, correct and reopen %s", slug)
				wait.For(ctx, 2*time.Second)
				if err := s.reopen(ctx, slug); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// endAndReopen is a step of the scenario of a broken server.
func endAndReopen(ctx context.Context, _ *run, s *stage) error { return s.reopen(ctx, s.slugs[0]) }

// reopen ends a blog and opens it again. Publishers go on meanwhile: their posts
// are refused while the blog is ended, and their corrections are not.
func (s *stage) reopen(ctx context.Context, slug string) error {
	fault := history.Fault{Kind: "F48", Name: "blog ended, corrected, and opened again", Began: time.Now().UnixNano(), Allows: allowsClose}
	lift, cancel := lifting(ctx)
	defer cancel()
	if err := s.changeBlog(lift, slug, "end"); err != nil {
		return err
	}
	wait.For(ctx, 4*time.Second)
	if err := s.changeBlog(lift, slug, "reopen"); err != nil {
		return err
	}
	fault.Ended, fault.Detail = time.Now().UnixNano(), slug
	fault.Recovered = s.recovered(ctx, fault.Ended)
	s.record(fault)
	return nil
}

// changeBlog ends or reopens a blog.
func (s *stage) changeBlog(ctx context.Context, slug, what string) error {
	path := "/api/v1/blogs/" + slug + "/" + what
	if err := s.api(s.node(1).URL()).Do(ctx, apiclient.Request{Method: http.MethodPost, Path: path}, nil); err != nil {
		return fmt.Errorf("%s blog %s: %w", what, slug, err)
	}
	return nil
}
