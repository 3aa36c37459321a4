package server

import (
	"context"
	"errors"
	"runtime"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"golang.org/x/sync/semaphore"
)

const (
	// shortText is how many bytes a text may have that does not wait for long
	// ones: ordinary posts are far below.
	shortText = 8 << 10
	// conversionWait is how long a text may wait for its turn.
	conversionWait = 3 * time.Second
)

// conversions is where texts become HTML: as many at once as there are cores. Each
// takes some 50 ms at most, so a crowd of long ones waits here, and leaves the
// cores to everybody else. Short ones have turns of their own.
type conversions struct{ short, long *semaphore.Weighted }

func newConversions() *conversions {
	cores := min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	return &conversions{
		short: semaphore.NewWeighted(int64(cores)),
		long:  semaphore.NewWeighted(int64(max(1, cores/2))),
	}
}

// run calls convert for a text of size bytes when it is its turn, unless its
// request ended meanwhile or all turns were taken for too long.
func (c *conversions) run(ctx context.Context, size int, convert func() error) error {
	turns := c.long
	if size <= shortText {
		turns = c.short
	}
	waiting, stop := context.WithTimeout(ctx, conversionWait)
	defer stop()
	if err := turns.Acquire(waiting, 1); err != nil {
		return conversionRefused(ctx)
	}
	defer turns.Release(1)
	return convert()
}

func conversionRefused(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return err
	}
	return &liveblog.Problem{Err: liveblog.ErrUnavailable, Code: "busy", RetryAfter: conversionWait,
		Detail: "too many long texts are being converted"}
}

// content converts a text to Markdown and renders it, pictures included. Every text
// that becomes HTML comes through here or through summary. No turn is held while
// the database is asked.
func (s *Server) content(ctx context.Context, format, body string) (*liveblog.Content, error) {
	if len(body) > liveblog.MaxBody {
		return nil, tooLong()
	}
	var markdown string
	var doc *markup.Document
	err := s.conversions.run(ctx, len(body), func() (err error) {
		markdown, doc, err = parseBody(format, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	images, err := s.media.Media(ctx, doc.Images())
	if err != nil {
		return nil, err
	}
	var rendered markup.Rendered
	err = s.conversions.run(ctx, len(body), func() (err error) {
		rendered, err = doc.Render(images)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &liveblog.Content{Body: markdown, HTML: rendered.HTML, Text: rendered.Text}, nil
}

func parseBody(format, body string) (string, *markup.Document, error) {
	markdown, err := markup.ToMarkdown(format, body)
	if err != nil {
		return "", nil, err
	}
	if len(markdown) > liveblog.MaxBody {
		return "", nil, tooLong()
	}
	doc, err := markup.Parse(markdown)
	return markdown, doc, err
}

func tooLong() error {
	return liveblog.Errorf(liveblog.ErrTooLarge, "too_large", "the text must have at most %d bytes", liveblog.MaxBody)
}

// summary renders the Markdown of a blog's summary, which holds no pictures.
func (s *Server) summary(ctx context.Context, markdown string) (html string, err error) {
	err = s.conversions.run(ctx, len(markdown), func() error {
		rendered, err := markup.Render(markdown, nil)
		html = rendered.HTML
		return err
	})
	return html, err
}
