package main

import (
	"context"
	"errors"
	"time"

	"dateline/internal/media"
)

// retention is how long data is kept that is no longer shown. 0 is for ever.
type retention struct {
	audit, addresses, unusedMedia, removed time.Duration

	files *media.Dir // nil when pictures are in the database
}

func newRetention(c *Config) retention {
	return retention{
		audit: days(c.KeepAudit), addresses: days(c.KeepAuditAddresses),
		unusedMedia: days(c.KeepUnusedMedia), removed: days(c.KeepRemoved),
	}
}

// retain deletes data after its retention. Texts go first: a picture that only they
// showed is unused then.
func (n *node) retain(ctx context.Context) error {
	var errs []error
	if n.retention.removed > 0 {
		_, err := n.db.ErasePosts(ctx, operator(), n.retention.removed)
		errs = append(errs, err)
	}
	if n.retention.unusedMedia > 0 {
		free, err := n.db.DeleteUnusedMedia(ctx, operator(), n.retention.unusedMedia)
		errs = append(errs, err)
		if n.retention.files != nil {
			errs = append(errs, n.retention.files.Forget(free))
		}
	}
	errs = append(errs, n.db.ForgetAudit(ctx, n.retention.addresses, n.retention.audit))
	return errors.Join(errs...)
}
