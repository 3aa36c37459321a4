package liveblog

import "time"

// SigningKey is a secret shared by all nodes, kept in the database.
type SigningKey struct {
	ID        string
	Secret    []byte
	CreatedAt time.Time
}
