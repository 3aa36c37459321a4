package liveblog

import (
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// BlogStatus is the stage of a blog's life.
type BlogStatus string

// Only its editors see a draft blog. An ended blog accepts no new posts and its streams have
// ended; it can be reopened.
const (
	BlogDraft BlogStatus = "draft"
	BlogLive  BlogStatus = "live"
	BlogEnded BlogStatus = "ended"
)

// To returns nil if the status may change to next, otherwise ErrConflict: a draft cannot end,
// and a blog that readers have seen cannot become a draft again.
func (s BlogStatus) To(next BlogStatus) error {
	if s == BlogDraft && next == BlogEnded {
		return Errorf(ErrConflict, "blog_is_draft", "a draft can't end; reopen, which opens it, comes first")
	}
	if s != BlogDraft && next == BlogDraft {
		return Errorf(ErrConflict, "status_change", "a %s blog can't become a draft", s)
	}
	return nil
}

// Limits of a blog's texts, in runes, and of its slug, in bytes.
const (
	MaxTitle   = 300
	MaxSummary = 4000
	MaxSlug    = 64
	MinSlug    = 3
)

// Blog is the page of one live event.
type Blog struct {
	ID           uuid.UUID
	Slug         string
	Title        string
	Summary      string // Markdown
	SummaryHTML  string
	Status       BlogStatus
	Language     string // BCP 47
	Unlisted     bool   // left out of the list of blogs and of search engines
	PinnedPostID *uuid.UUID
	Version      int64 // counts the visible changes of the blog itself
	Epoch        string
	LastSeq      int64 // head of the event log
	LowSeq       int64 // events up to here are pruned
	Chain        Chain // of the event LastSeq
	CreatedAt    time.Time
	UpdatedAt    time.Time
	StartedAt    *time.Time
	EndedAt      *time.Time
}

var (
	slugPattern     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	languagePattern = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8}){0,3}$`)
	reservedSlugs   = map[string]bool{"admin": true, "api": true, "new": true, "static": true, "media": true}
)

// Validate reports every field that breaks a rule, as one ErrInvalid.
func (b *Blog) Validate() error {
	var f fieldErrors
	f.add(ValidSlug(b.Slug), "body.slug", "must be %d to %d of a-z, 0-9 and single hyphens, and not a reserved word", MinSlug, MaxSlug)
	f.add(between(b.Title, 1, MaxTitle), "body.title", "must have 1 to %d characters", MaxTitle)
	f.add(between(b.Summary, 0, MaxSummary), "body.summary", "must have at most %d characters", MaxSummary)
	f.add(languagePattern.MatchString(b.Language), "body.language", "must be a language tag such as en or pt-BR")
	f.add(b.Status == BlogDraft || b.Status == BlogLive || b.Status == BlogEnded, "body.status", "must be draft, live or ended")
	return f.err()
}

// ValidSlug reports whether s can name a blog in a URL.
func ValidSlug(s string) bool {
	return len(s) >= MinSlug && len(s) <= MaxSlug && slugPattern.MatchString(s) && !reservedSlugs[s]
}

// Public reports whether readers may see the blog.
func (b *Blog) Public() bool { return b.Status != BlogDraft }

func between(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return n >= least && n <= most
}
