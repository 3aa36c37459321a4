package postgres

import (
	"context"
	"time"

	"dateline/internal/liveblog"
)

// attemptsLife is how long after the last attempt the ones under its key are forgotten.
const attemptsLife = time.Hour

// attemptDelay is how long after the last attempt under a key the next one may
// be: not at all while there were fewer than $2, then two seconds, twice as long
// with each one more, and $3 at most.
const attemptDelay = `CASE WHEN f.failures < $2 THEN interval '0'
	ELSE least($3::interval, interval '2 seconds' * power(2, least(f.failures - $2, 16))) END`

// CountAttempt adds one to the attempts under a key, unless it comes too early
// after the last one: then it does not count, and wait says for how long none will.
func (db *DB) CountAttempt(ctx context.Context, key string, p liveblog.Patience) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var counted bool
	err = db.pool.QueryRow(ctx, `
		WITH counted AS (
			INSERT INTO login_failures AS f (key, failures) VALUES ($1, 1)
			ON CONFLICT (key) DO UPDATE SET
				failures = CASE WHEN f.tried_at <= now() - $4::interval THEN 1 ELSE f.failures + 1 END,
				tried_at = clock_timestamp()
			WHERE f.failures < $2 OR f.tried_at + `+attemptDelay+` <= clock_timestamp()
			RETURNING failures
		)
		SELECT EXISTS (SELECT FROM counted), coalesce((
			SELECT f.tried_at + `+attemptDelay+` - clock_timestamp() FROM login_failures f WHERE f.key = $1), interval '0')`,
		key, p.Free, p.Longest, attemptsLife).Scan(&counted, &wait)
	if err != nil {
		return 0, readErr(err, "attempts")
	}
	if counted {
		return 0, nil
	}
	return min(max(wait, time.Second), p.Longest), nil
}

// RefundAttempt takes one attempt back: it was no failure.
func (db *DB) RefundAttempt(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := db.pool.Exec(ctx, `
		UPDATE login_failures SET failures = failures - 1 WHERE key = $1 AND failures > 0`, key)
	return readErr(err, "attempts")
}

// ForgetAttempts deletes the counts of a day ago.
func (db *DB) ForgetAttempts(ctx context.Context) error {
	_, err := db.inBatches(ctx, `
		DELETE FROM login_failures WHERE key IN (SELECT key FROM login_failures WHERE tried_at < now() - interval '1 day' LIMIT $1)`)
	return err
}
