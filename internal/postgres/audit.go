package postgres

import (
	"context"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
)

// audit records an action of an actor on an object, in the transaction of the action.
// detail is stored as JSON; nil means none.
func audit(ctx context.Context, tx pgx.Tx, a liveblog.Actor, action, object string, detail any) error {
	batch := &pgx.Batch{}
	queueAudit(batch, a, action, object, detail)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

// queueAudit is audit as a statement of a batch.
func queueAudit(batch *pgx.Batch, a liveblog.Actor, action, object string, detail any) {
	if detail == nil {
		detail = struct{}{}
	}
	batch.Queue(`
		INSERT INTO audit (principal, action, object, detail, request_id, address)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		a.Key(), action, object, detail, a.RequestID, a.Address)
}
