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

// How many wrong passwords are allowed within a window. A browser that signed
// in before has a budget of its own, so that strangers who guess at an account
// shut out each other, not its owner.
const (
	throttleWindow  = 5 * time.Minute
	accountFailures = 10 // by all strange browsers together
	addressFailures = 50 // by one network: an office may share an address
	deviceFailures  = 10
	ownFailures     = 10 // by a signed-in user who gives the current password
)

// budget is a count and its limit. The key is made of what the server knows,
// never of what a request says of itself.
type budget struct {
	key   string
	limit int
}

// guesser is one who gives a password: where he waits, and what he may spend.
type guesser struct {
	line    Line
	budgets []budget
}

// stranger is a browser we don't know. The account is named by a digest of its
// address whether or not it exists, so both behave the same.
func stranger(email, address string) guesser {
	return guesser{Strangers, []budget{
		{"address:" + network(address), addressFailures},
		{"account:" + digest(email), accountFailures},
	}}
}

func knownDevice(id string) guesser {
	return guesser{Known, []budget{{"device:" + id, deviceFailures}}}
}

func signedIn(user uuid.UUID) guesser {
	return guesser{Known, []budget{{"user:" + user.String(), ownFailures}}}
}

// try checks a password within the guesser's budgets. Only what was wrong stays
// counted, not what was right or could not be checked. A flood that fills the
// line costs the database no writes.
func (s *Service) try(ctx context.Context, g guesser, user *liveblog.User, password string) (bool, error) {
	if s.passwords.full(g.line) {
		return false, errBusy
	}
	if err := s.spend(ctx, g.budgets); err != nil {
		return false, err
	}
	right, err := s.right(ctx, g.line, user, password)
	if err == nil && !right {
		return false, nil
	}
	return right, errors.Join(err, s.refund(ctx, g.budgets))
}

// right reports whether the password is that of a user who may sign in.
func (s *Service) right(ctx context.Context, line Line, user *liveblog.User, password string) (bool, error) {
	if len(password) > liveblog.MaxPassword {
		return false, nil
	}
	fits, err := s.passwords.Verify(ctx, line, user.PasswordHash, password)
	return fits && user.DisabledAt == nil, err
}

// spend counts an attempt before it is made, so that many at once can't pass
// together. It stops at the first budget that is used up, with ErrTooMany.
func (s *Service) spend(ctx context.Context, budgets []budget) error {
	for _, b := range budgets {
		attempts, left, err := s.store.CountAttempt(ctx, b.key, throttleWindow)
		if err != nil {
			return err
		}
		if attempts > b.limit {
			return tooMany(left)
		}
	}
	return nil
}

// refund takes back what spend counted.
func (s *Service) refund(ctx context.Context, budgets []budget) error {
	for _, b := range budgets {
		if err := s.store.RefundAttempt(ctx, b.key); err != nil {
			return err
		}
	}
	return nil
}

func tooMany(left time.Duration) error {
	return &liveblog.Problem{
		Err: liveblog.ErrTooMany, Code: "too_many_attempts",
		Detail: "too many wrong passwords; wait before the next try", RetryAfter: left,
	}
}

// network is the part of an address that one client can hardly change: the
// first 24 bits of IPv4, the first 64 of IPv6.
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

func digest(email string) string {
	sum := sha256.Sum256([]byte(liveblog.NormalEmail(email)))
	return hex.EncodeToString(sum[:16])
}
