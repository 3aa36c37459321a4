package liveblog

import "github.com/google/uuid"

// Counts are the audience of a blog: the views of its posts, as absolute numbers, and how
// many readers follow it now.
type Counts struct {
	Posts   map[uuid.UUID]int64 `json:"posts"`
	Readers int64               `json:"readers"`
}
