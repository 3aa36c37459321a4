package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// Limits of failed attempts. They delay and never lock out: every delay ends within a
// minute. A browser that signed in before is delayed by its own failures only, so
// others who guess at an account, or share a network with its owner, do not delay the
// owner.
//
// Attempts from one network at one account are delayed longer than all attempts at that
// account, which leaves room for the attempts of other networks. docs/operations.md has
// the calculation.
var (
	networkAccountLimit = liveblog.AttemptLimit{Free: 10, Longest: 60 * time.Second} // unknown devices of one network at one account
	accountLimit        = liveblog.AttemptLimit{Free: 10, Longest: 40 * time.Second} // all unknown devices at one account
	networkLimit        = liveblog.AttemptLimit{Free: 50, Longest: 10 * time.Second} // one network at all accounts; an office may share an address
	ownLimit            = liveblog.AttemptLimit{Free: 10, Longest: 40 * time.Second} // a known device, or a signed-in user
)

// counter is a count of attempts in the store and its limit. The key consists of facts
// that the server knows, never of what a request says about itself.
type counter struct {
	key   string
	limit liveblog.AttemptLimit
}

// attempt is a check of a password on behalf of a client: the queue in which it waits
// for a core, and the counters that it increases if it fails.
type attempt struct {
	queue    Queue
	counters []counter
}

// unknownDevice is an attempt by a browser without a valid device cookie. The counter
// with the longest delay comes first: an attempt that it rejects does not increase the
// others. The keys hold a digest of the account's address whether or not the account
// exists, so that both behave the same.
func unknownDevice(email, address string) attempt {
	account, from := digest(email), network(address)
	return attempt{UnknownDevices, []counter{
		{"guesser:" + account + "@" + from, networkAccountLimit},
		{"account:" + account, accountLimit},
		{"address:" + from, networkLimit},
	}}
}

func knownDevice(id string) attempt {
	return attempt{KnownDevices, []counter{{"device:" + id, ownLimit}}}
}

func signedIn(user uuid.UUID) attempt {
	return attempt{KnownDevices, []counter{{"user:" + user.String(), ownLimit}}}
}

// try reports whether the password is that of a user who may sign in. It is ErrTooMany
// if a counter of the attempt rejects it. Only a wrong password stays counted, not a
// right one or one that could not be checked. A flood that fills the queue causes no
// writes to the database.
func (s *Service) try(ctx context.Context, a attempt, user *liveblog.User, password string) (bool, error) {
	if s.passwords.full(a.queue) {
		return false, errBusy
	}
	if err := s.count(ctx, a.counters); err != nil {
		return false, err
	}
	if len(password) > liveblog.MaxPassword {
		return false, nil
	}
	right, err := s.passwords.Verify(ctx, a.queue, user.PasswordHash, password)
	right = right && user.DisabledAt == nil
	if err == nil && !right {
		return false, nil
	}
	return right, errors.Join(err, s.refund(ctx, a.counters))
}

// count counts an attempt before it is made, so that concurrent ones cannot exceed the
// limit together. It is ErrTooMany for the first counter that rejects the attempt:
// then no counter stays increased.
func (s *Service) count(ctx context.Context, counters []counter) error {
	for i, c := range counters {
		wait, err := s.store.CountAttempt(ctx, c.key, c.limit)
		if err != nil {
			return err
		}
		if wait > 0 {
			return errors.Join(tooMany(wait), s.refund(ctx, counters[:i]))
		}
	}
	return nil
}

// refund takes back what count counted.
func (s *Service) refund(ctx context.Context, counters []counter) error {
	for _, c := range counters {
		if err := s.store.RefundAttempt(ctx, c.key); err != nil {
			return err
		}
	}
	return nil
}

func tooMany(wait time.Duration) error {
	return &liveblog.Problem{
		Err: liveblog.ErrTooMany, Code: "too_many_attempts",
		Detail: "too many wrong passwords; wait before the next try", RetryAfter: wait,
	}
}

// network returns the part of an address that a client can hardly change: the first 24
// bits of IPv4, the first 64 of IPv6.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// digest names an account by its address, without revealing it to a reader of the table.
func digest(email string) string {
	sum := sha256.Sum256([]byte(liveblog.NormalEmail(email)))
	return hex.EncodeToString(sum[:16])
}
