package main

import (
	"dateline/internal/media"
	"dateline/internal/server"
)

// mediaStore keeps pictures in the database, or their bytes in a directory.
func mediaStore(c *Config, db *database) (server.MediaStore, error) {
	if c.MediaDir == "" {
		return db, nil
	}
	return media.NewDir(c.MediaDir, db)
}
