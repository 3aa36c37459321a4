package liveblog

import "github.com/google/uuid"

// Counts are what readers see of each other: absolute views of posts, and how
// many readers follow now.
type Counts struct {
	Posts   map[uuid.UUID]int64 `json:"posts"`
	Readers int64               `json:"readers"`
}
