package liveblog

import (
	"fmt"
	"slices"
)

// BlogPatch is a change of a blog. Fields that are nil stay as they are.
type BlogPatch struct {
	Title       *string
	Summary     *string
	SummaryHTML *string // Summary rendered and sanitised; set if Summary is
	Language    *string
	Unlisted    *bool
	Status      *BlogStatus
}

// Apply changes b and reports whether any field differs afterwards.
func (p BlogPatch) Apply(b *Blog) bool {
	before := *b
	set(&b.Title, p.Title)
	set(&b.Summary, p.Summary)
	set(&b.SummaryHTML, p.SummaryHTML)
	set(&b.Language, p.Language)
	set(&b.Unlisted, p.Unlisted)
	set(&b.Status, p.Status)
	b.Title = oneLine(b.Title)
	return before != *b
}

// PostPatch is a change of a post. Fields that are nil stay as they are.
type PostPatch struct {
	Title    *string
	Content  *Content
	Byline   *string
	Tags     *[]string
	KeyEvent *bool
	Pinned   *bool // true moves the blog's pin to the post, false removes it
	Status   *PostStatus
}

// Content is a post's body in its three forms.
type Content struct {
	Body string // Markdown
	HTML string
	Text string
}

// Apply changes p, except for the pin, and reports whether any field differs afterwards.
func (c PostPatch) Apply(p *Post) bool {
	before := *p
	set(&p.Title, c.Title)
	if c.Content != nil {
		p.Body, p.HTML, p.Text = c.Content.Body, c.Content.HTML, c.Content.Text
	}
	set(&p.Byline, c.Byline)
	set(&p.KeyEvent, c.KeyEvent)
	set(&p.Status, c.Status)
	set(&p.Tags, c.Tags)
	p.Normalize()
	return before.Title != p.Title || before.Body != p.Body || before.HTML != p.HTML || before.Byline != p.Byline ||
		before.KeyEvent != p.KeyEvent || before.Status != p.Status || !slices.Equal(before.Tags, p.Tags)
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// StaleError is an ErrVersion with the current state, which the client must merge.
type StaleError struct {
	Current any // *Blog or *Post
	Version int64
}

// Error names the current version.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%v: version %d is", ErrVersion, e.Version)
}

// Unwrap makes errors.Is find ErrVersion.
func (e *StaleError) Unwrap() error { return ErrVersion }

// VersionError returns the StaleError for a version of b that is not current.
func VersionError(b *Blog) error { return &StaleError{Current: b, Version: b.Version} }

// PostVersionError returns the StaleError for a version of p that is not current.
func PostVersionError(p *Post) error { return &StaleError{Current: p, Version: p.Version} }
