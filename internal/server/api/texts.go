package api

import (
	"context"
	"errors"
	"runtime"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"
	"dateline/internal/server/access"
	"dateline/internal/server/operation"

	"golang.org/x/sync/semaphore"
)

const (
	// shortText is the length, in bytes, up to which a text does not wait for long ones: that
	// of ordinary posts is far below.
	shortText = 8 << 10
	// conversionWait is how long a text may wait for its turn.
	conversionWait = 3 * time.Second
)

// conversions limits how many texts become HTML at once to the number of cores. Each takes some
// 50 ms at most, so a burst of long ones waits here and leaves the cores to other requests.
// Short ones have turns of their own.
type conversions struct{ short, long *semaphore.Weighted }

func newConversions() *conversions {
	cores := min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	return &conversions{
		short: semaphore.NewWeighted(int64(cores)),
		long:  semaphore.NewWeighted(int64(max(1, cores/2))),
	}
}

// run calls convert for a text of size bytes when it is its turn, unless the request is cancelled
// meanwhile or all turns are taken for too long.
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

// Texts turns what editors and programs write into HTML.
type Texts struct {
	doc   *operation.Document
	media access.MediaStore
	turns *conversions
}

// NewTexts makes Texts that finds the images in them in media.
func NewTexts(doc *operation.Document, media access.MediaStore) *Texts {
	return &Texts{doc, media, newConversions()}
}

// content converts a text to Markdown and renders it with its images. Every text that becomes
// HTML passes here or through summary. No turn is held while the database is read.
func (t *Texts) content(ctx context.Context, format, body string) (*liveblog.Content, error) {
	if len(body) > liveblog.MaxBody {
		return nil, tooLong()
	}
	var markdown string
	var doc *markup.Document
	err := t.turns.run(ctx, len(body), func() (err error) {
		markdown, doc, err = parseBody(format, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	images, err := t.media.Media(ctx, doc.Images())
	if err != nil {
		return nil, err
	}
	var rendered markup.Rendered
	err = t.turns.run(ctx, len(body), func() (err error) {
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

// summary renders the Markdown of a blog's summary, which has no images.
func (t *Texts) summary(ctx context.Context, markdown string) (html string, err error) {
	err = t.turns.run(ctx, len(markdown), func() error {
		rendered, err := markup.Render(markdown, nil)
		html = rendered.HTML
		return err
	})
	return html, err
}
