package liveblog

import (
	"time"

	"github.com/google/uuid"
)

// EventType says what happened. It is also the name of the server-sent event.
type EventType string

// The types of event in the log.
const (
	EventPost   EventType = "post"
	EventUpdate EventType = "update"
	EventDelete EventType = "delete"
	EventBlog   EventType = "blog"
)

// Event is an entry of a blog's log. The log holds references: Post and Blog are the current
// content, read together with the event, so a text that was corrected or removed since
// is never sent again.
type Event struct {
	BlogID  uuid.UUID
	Slug    string // of the blog; it never changes
	Seq     int64  // 1, 2, 3, ... within the blog, without gaps
	Type    EventType
	PostID  *uuid.UUID // nil for EventBlog
	Version int64      // of the post or the blog, when the event was appended
	At      time.Time
	Chain   Chain // of this event and all before it
	Post    *Post // current content; nil for EventBlog
	Blog    *Blog // current content; for EventBlog only
	Pinned  *Post // the pinned post's current content; for EventBlog only
}

// Head is the end of a blog's log and the identity of its history.
type Head struct {
	BlogID  uuid.UUID
	Epoch   string
	LastSeq int64
	LowSeq  int64
	Status  BlogStatus
	Chain   Chain // of the event LastSeq
}
