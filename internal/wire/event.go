package wire

import "github.com/google/uuid"

// PostEvent is the data of the events post and update: the post, its headline, and its
// article as HTML with an empty body. The body is in the post's HTML, once.
type PostEvent struct {
	Post
	Headline string `json:"headline"`
	Article  string `json:"article"`
}

// DeleteEvent is the data of the event delete: all that a reader gets of a removed post.
type DeleteEvent struct {
	ID      uuid.UUID `json:"id"`
	Version int64     `json:"version"`
}

// BlogEvent is the data of the event blog: what the head of the blog's page shows.
type BlogEvent struct {
	Blog
	PinnedPost *PostEvent `json:"pinned_post"`
}
