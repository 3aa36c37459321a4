package postgres

import (
	"context"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/jackc/pgx/v5"
)

// audit notes who does what, in the transaction that does it. The detail is
// stored as JSON; nil is none.
func audit(ctx context.Context, tx pgx.Tx, a liveblog.Actor, action, object string, detail any) error {
	if detail == nil {
		detail = struct{}{}
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO audit (principal, action, object, detail, request_id, address)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		a.Key(), action, object, detail, a.RequestID, a.Address)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}
