package postgres

import (
	"context"
	"time"
)

// CountAttempt adds one to the attempts under key and returns how many there
// were in the current window, this one included, and how long the window still
// lasts. A window starts with the first attempt after the last one ended.
func (db *DB) CountAttempt(ctx context.Context, key string, window time.Duration) (attempts int, left time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err = db.pool.QueryRow(ctx, `
		INSERT INTO login_failures AS f (key, failures, window_start) VALUES ($1, 1, now())
		ON CONFLICT (key) DO UPDATE SET
			failures = CASE WHEN f.window_start <= now() - $2::interval THEN 1 ELSE f.failures + 1 END,
			window_start = CASE WHEN f.window_start <= now() - $2::interval THEN now() ELSE f.window_start END
		RETURNING failures, window_start + $2::interval - now()`, key, window).Scan(&attempts, &left)
	return attempts, left, readErr(err, "attempts")
}

// RefundAttempt takes one attempt back: it was no failure.
func (db *DB) RefundAttempt(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := db.pool.Exec(ctx, `
		UPDATE login_failures SET failures = failures - 1 WHERE key = $1 AND failures > 0`, key)
	return readErr(err, "attempts")
}

// ForgetAttempts deletes the counts of windows that ended a day ago.
func (db *DB) ForgetAttempts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := db.pool.Exec(ctx, `DELETE FROM login_failures WHERE window_start < now() - interval '1 day'`)
	return readErr(err, "attempts")
}
