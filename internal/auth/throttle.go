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

// How wrong passwords slow down who gives them. Nobody is shut out: the wait ends
// within a minute, for whoever comes then. A browser that signed in before waits
// for its own mistakes alone, so strangers who guess at an account, or share a
// network with it, do not slow down its owner.
//
// One who guesses at an account from one network waits longer than others do for
// that account, which leaves them room. docs/operations.md has the sums.
var (
	guesserPatience = liveblog.Patience{Free: 10, Longest: 60 * time.Second} // strange browsers of one network, at one account
	accountPatience = liveblog.Patience{Free: 10, Longest: 40 * time.Second} // all strange browsers together
	networkPatience = liveblog.Patience{Free: 50, Longest: 10 * time.Second} // at all accounts: an office may share an address
	ownPatience     = liveblog.Patience{Free: 10, Longest: 40 * time.Second} // a known device, or a user who gives the current password
)

// budget is what is counted under a key. The key is made of what the server
// knows, never of what a request says of itself.
type budget struct {
	key      string
	patience liveblog.Patience
}

// guesser is one who gives a password: where he waits, and what he may spend.
type guesser struct {
	line    Line
	budgets []budget
}

// stranger is a browser we don't know. The narrowest budget comes first: who has
// to wait there uses up none of the others. The account is named by a digest of its
// address whether or not it exists, so both behave the same.
func stranger(email, address string) guesser {
	account, from := digest(email), network(address)
	return guesser{Strangers, []budget{
		{"guesser:" + account + "@" + from, guesserPatience},
		{"account:" + account, accountPatience},
		{"address:" + from, networkPatience},
	}}
}

func knownDevice(id string) guesser {
	return guesser{Known, []budget{{"device:" + id, ownPatience}}}
}

func signedIn(user uuid.UUID) guesser {
	return guesser{Known, []budget{{"user:" + user.String(), ownPatience}}}
}

// try checks a password when the guesser's budgets allow it. Only what was wrong stays
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
// together. It stops at the first budget for which it is too early, with
// ErrTooMany: an attempt that is not made counts for nobody.
func (s *Service) spend(ctx context.Context, budgets []budget) error {
	for i, b := range budgets {
		wait, err := s.store.CountAttempt(ctx, b.key, b.patience)
		if err != nil {
			return err
		}
		if wait > 0 {
			return errors.Join(tooMany(wait), s.refund(ctx, budgets[:i]))
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

func tooMany(wait time.Duration) error {
	return &liveblog.Problem{
		Err: liveblog.ErrTooMany, Code: "too_many_attempts",
		Detail: "too many wrong passwords; wait before the next try", RetryAfter: wait,
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
