package postgres

import (
	"context"
	"time"

	"dateline/internal/liveblog"
)

// attemptsLife is how long after the last attempt under a key its count starts at 1 again.
const attemptsLife = time.Hour

// attemptDelay is the shortest time between the last attempt under a key and the next
// one: none while fewer than $2 were counted, then two seconds, doubled with each
// further attempt, up to $3.
const attemptDelay = `CASE WHEN f.failures < $2 THEN interval '0'
	ELSE least($3::interval, interval '2 seconds' * power(2, least(f.failures - $2, 16))) END`

// CountAttempt counts an attempt under a key. If it comes too early after the last one,
// it is not counted, and wait is the time until the next one may come, from 1 s to
// limit.Longest.
func (db *AccountStore) CountAttempt(ctx context.Context, key string, limit liveblog.AttemptLimit) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var counted bool
	err = db.readPool.QueryRow(ctx, `
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
		key, limit.Free, limit.Longest, attemptsLife).Scan(&counted, &wait)
	if err != nil {
		return 0, readErr(err, "attempts under %q", key)
	}
	if counted {
		return 0, nil
	}
	return min(max(wait, time.Second), limit.Longest), nil
}

// RefundAttempt subtracts an attempt that was no failure.
func (db *AccountStore) RefundAttempt(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, err := db.readPool.Exec(ctx, `
		UPDATE login_failures SET failures = failures - 1 WHERE key = $1 AND failures > 0`, key)
	return readErr(err, "attempts under %q", key)
}

// ForgetAttempts deletes the counts whose last attempt was a day ago.
func (db *AccountStore) ForgetAttempts(ctx context.Context) error {
	_, err := db.inBatches(ctx, `
		DELETE FROM login_failures WHERE key IN (SELECT key FROM login_failures WHERE tried_at < now() - interval '1 day' LIMIT $1)`)
	return err
}
