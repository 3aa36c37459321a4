package liveblog

import (
	"time"

	"github.com/google/uuid"
)

// BlogQuery selects blogs, the newest first.
type BlogQuery struct {
	All        bool // drafts and unlisted ones too
	Status     BlogStatus
	Limit      int
	BeforeTime time.Time // continue after this one of the previous page
	BeforeID   uuid.UUID
}

// PostQuery selects posts of one blog. Published ones are in the order of the
// timeline, others by their last change.
type PostQuery struct {
	BlogID   uuid.UUID
	Status   PostStatus
	AuthorID *uuid.UUID // by this author only; nil is all
	KeyEvent bool       // key events only
	Tag      string     // with this tag only
	Oldest   bool       // oldest first
	Limit    int
	After    int64     // published: continue after this position
	Before   time.Time // others: continue with those changed before,
	BeforeID uuid.UUID // or at the same time and with a lower id
}

// PostList is a page of posts with the state of the log at which it was read.
type PostList struct {
	Posts   []Post
	More    bool
	Epoch   string
	LastSeq int64
	Chain   Chain // of the event LastSeq
}
