package liveblog

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// PostStatus decides who may see a post.
type PostStatus string

// Only published posts are in the event log and on readers' pages. A removed post keeps its
// text for editors and can be restored.
const (
	PostDraft     PostStatus = "draft"
	PostSubmitted PostStatus = "submitted" // waits for approval by an editor
	PostPublished PostStatus = "published"
	PostRemoved   PostStatus = "removed"
)

// Limits of a post: body in bytes, the others in runes or pieces.
const (
	MaxBody       = 64 << 10
	MaxByline     = 200
	MaxTags       = 20
	MaxTag        = 50
	MaxExternalID = 200
	MaxImages     = 10
	MaxEmbeds     = 10
)

// Post is one entry of a blog.
type Post struct {
	ID          uuid.UUID
	BlogID      uuid.UUID
	Status      PostStatus
	Version     int64 // counts from 1 with every stored change
	Position    int64 // seq of the event that first published it: its place in the timeline; 0 before
	Title       string
	Body        string // Markdown
	HTML        string // Body rendered and sanitised
	Text        string // Body as plain text
	Byline      string
	Tags        []string
	KeyEvent    bool
	Pinned      bool // derived: the blog's PinnedPostID is this post
	ExternalID  string
	AuthorID    *uuid.UUID
	AuthorName  string // derived from the user
	CreatedAt   time.Time
	UpdatedAt   time.Time
	PublishedAt *time.Time // first publication
	EditedAt    *time.Time // last visible change after the first publication
	Views       int64      // derived
}

// Validate reports every field that breaks a rule, as one ErrInvalid.
func (p *Post) Validate() error {
	var f fieldErrors
	f.add(between(p.Title, 0, MaxTitle), "body.title", "must have at most %d characters", MaxTitle)
	f.add(p.Title != "" || strings.TrimSpace(p.Body) != "", "body.body", "must not be empty when there is no title")
	f.add(len(p.Body) <= MaxBody, "body.body", "must have at most %d bytes", MaxBody)
	f.add(between(p.Byline, 0, MaxByline), "body.byline", "must have at most %d characters", MaxByline)
	f.add(len(p.Tags) <= MaxTags, "body.tags", "must be at most %d", MaxTags)
	for _, tag := range p.Tags {
		f.add(between(tag, 1, MaxTag), "body.tags", "each must have 1 to %d characters", MaxTag)
	}
	f.add(between(p.ExternalID, 0, MaxExternalID) && printable(p.ExternalID), "body.external_id", "must have at most %d printable characters", MaxExternalID)
	for location, text := range map[string]string{"body.title": p.Title, "body.body": p.Body, "body.byline": p.Byline, "body.tags": strings.Join(p.Tags, "")} {
		f.add(utf8.ValidString(text) && !strings.ContainsRune(text, 0), location, "must be valid UTF-8 without NUL")
	}
	return f.err()
}

// Normalize converts the fields to the form in which they are stored: title, byline and tags
// are one line of text each; byline and tags have no bidi controls; tags are in lower
// case, without a leading #, and each once. It is idempotent.
func (p *Post) Normalize() {
	p.Title = oneLine(p.Title)
	p.Byline = oneLine(stripBidi(p.Byline))
	p.ExternalID = strings.TrimSpace(p.ExternalID)
	p.Body = strings.TrimRight(newlines.ReplaceAllString(p.Body, "\n"), " \t\n")
	p.Tags = normalTags(p.Tags)
}

var newlines = regexp.MustCompile(`\r\n?`)

func normalTags(tags []string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, tag := range tags {
		tag = strings.ToLower(strings.TrimLeft(oneLine(stripBidi(tag)), "# "))
		if tag != "" && !seen[tag] {
			seen[tag] = true
			out = append(out, tag)
		}
	}
	return out
}

// oneLine replaces each run of white space, line ends and controls by one space.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) && r != 0
	}), " ")
}

// stripBidi removes the controls that can make a name look like another one (Unicode TR 36,
// section 2.5).
func stripBidi(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// Revision is a stored version of a post's content.
type Revision struct {
	PostID     uuid.UUID
	Version    int64
	Status     PostStatus
	Title      string
	Body       string
	HTML       string
	Byline     string
	Tags       []string
	KeyEvent   bool
	EditorID   *uuid.UUID
	EditorName string
	At         time.Time
}

// To refuses changes of status that an edit may not make: a removed post must be
// restored first, and a published one can only be removed.
func (s PostStatus) To(next PostStatus) error {
	unpublished := s == PostDraft || s == PostSubmitted
	switch {
	case s == PostRemoved:
		return Errorf(ErrGone, "post_removed", "the post was removed; restore it first")
	case s == next, unpublished && next != PostRemoved:
		return nil
	default:
		return Errorf(ErrConflict, "status_change", "a %s post can't become %s", s, next)
	}
}

// PostRef names a post to change. Version is the one that the editor saw; 0 is any.
type PostRef struct {
	BlogID  uuid.UUID
	ID      uuid.UUID
	Version int64
}

// Permit returns nil if the actor may change the status of a post of that author, and
// otherwise why not. For an edit of the text, both statuses are the same.
type Permit func(before, after PostStatus, author *uuid.UUID) error

// Written is the result of a change of a post.
type Written struct {
	Post     Post
	Seq      int64 // of the post's event; 0 if readers see no change
	Head     int64 // of the last event, which may be that of the pin; 0 if there is none
	Created  bool
	Changed  bool // a new version was stored
	Replayed bool // an earlier request with the same key did this
}
