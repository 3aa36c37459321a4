package liveblog

import (
	"time"

	"github.com/google/uuid"
)

// Media is an uploaded image. Its variants are immutable.
type Media struct {
	ID        uuid.UUID
	Alt       string
	Caption   string
	Credit    string
	Width     int
	Height    int
	Color     string // average colour, "#rrggbb": shown while the image loads
	Variants  []Variant
	CreatedBy *uuid.UUID
	CreatedAt time.Time
}

// Variant is one size of an image.
type Variant struct {
	Width  int
	Height int
	Type   string // media type
	Key    string // SHA-256 of the bytes, hex: its name in the store
	Size   int64  // bytes
}
