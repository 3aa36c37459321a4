package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"dateline/internal/liveblog"

	"golang.org/x/crypto/argon2"
)

// Costs of a new hash: the minimum for Argon2id in OWASP's Password Storage Cheat Sheet.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32 // bytes
	argonSalt   = 16 // bytes
)

// maxWaiting is how many callers may wait in each queue.
const maxWaiting = 16

// Queue is where a caller waits for a core. Queues are separate, so that a flood of
// attempts by unknown devices does not reject users of known ones.
type Queue int

// The queues: for devices that never signed in, and for all others.
const (
	UnknownDevices Queue = iota
	KnownDevices
)

// argon holds the parts of a stored hash.
type argon struct {
	memory, time uint32
	lanes        uint8
	salt, key    []byte
}

// Passwords hashes and verifies passwords. Each takes a core and 19 MiB for some tens of
// milliseconds, so each queue uses at most half of the cores at a time: guesses must
// not slow down publishers and users who sign in.
type Passwords struct {
	cores  [2]chan struct{} // by Queue; filled by callers that hash
	queues [2]chan struct{} // by Queue; filled by callers that hash or wait
	dummy  string           // the hash of a random password, for accounts that do not exist
}

// NewPasswords sets the limits by GOMAXPROCS.
func NewPasswords() *Passwords {
	half := max(1, runtime.GOMAXPROCS(0)/2)
	p := &Passwords{dummy: hash(rand.Text())}
	for queue := range p.queues {
		p.cores[queue] = make(chan struct{}, half)
		p.queues[queue] = make(chan struct{}, half+maxWaiting)
	}
	return p
}

// Hash returns the Argon2id hash of a password, in PHC string format. It is ErrTooMany if
// the queue is full.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx, KnownDevices); err != nil {
		return "", err
	}
	defer p.leave(KnownDevices)
	return hash(password), nil
}

// Verify reports whether the password is that of the stored hash. An empty stored hash,
// of an account that does not exist, takes as long and is never right. It is
// ErrTooMany if the queue is full.
func (p *Passwords) Verify(ctx context.Context, queue Queue, stored, password string) (bool, error) {
	if err := p.enter(ctx, queue); err != nil {
		return false, err
	}
	defer p.leave(queue)
	known := stored != ""
	if !known {
		stored = p.dummy
	}
	a, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(a.derive(password), a.key) == 1 && known, nil
}

// NeedsRehash reports whether a stored hash has other costs than those of a new one.
func NeedsRehash(stored string) bool {
	a, err := parseHash(stored)
	return err != nil || a.memory != argonMemory || a.time != argonTime || a.lanes != argonLanes
}

// errBusy is the error of a full queue.
var errBusy = liveblog.Errorf(liveblog.ErrTooMany, "busy", "too many people sign in at the moment")

// full reports whether enter would reject a call now.
func (p *Passwords) full(queue Queue) bool { return len(p.queues[queue]) == cap(p.queues[queue]) }

// enter waits for a core. It is ErrTooMany if the queue is full, and ErrUnavailable if
// ctx ends first.
func (p *Passwords) enter(ctx context.Context, queue Queue) error {
	select {
	case p.queues[queue] <- struct{}{}:
	default:
		return errBusy
	}
	select {
	case p.cores[queue] <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-p.queues[queue]
		return fmt.Errorf("%w: wait for a core to hash a password: %w", liveblog.ErrUnavailable, ctx.Err())
	}
}

func (p *Passwords) leave(queue Queue) {
	<-p.cores[queue]
	<-p.queues[queue]
}

func hash(password string) string {
	a := argon{memory: argonMemory, time: argonTime, lanes: argonLanes, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}
	_, _ = rand.Read(a.salt) // never fails (crypto/rand)
	a.key = a.derive(password)
	return a.String()
}

func (a argon) derive(password string) []byte {
	return argon2.IDKey([]byte(password), a.salt, a.time, a.memory, a.lanes, uint32(len(a.key)))
}

var phc64 = base64.RawStdEncoding.Strict()

// String is the PHC string format.
func (a argon) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		a.memory, a.time, a.lanes, phc64.EncodeToString(a.salt), phc64.EncodeToString(a.key))
}

// parseHash parses a hash in PHC string format. Its errors hold no part of the hash.
func parseHash(s string) (a argon, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return a, fmt.Errorf("stored password hash: not of Argon2id, version %d", argon2.Version)
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.memory, &a.time, &a.lanes); err != nil {
		return a, fmt.Errorf("stored password hash: costs: %w", err)
	}
	if a.salt, err = phc64.DecodeString(parts[4]); err != nil {
		return a, fmt.Errorf("stored password hash: salt: %w", err)
	}
	if a.key, err = phc64.DecodeString(parts[5]); err != nil {
		return a, fmt.Errorf("stored password hash: key: %w", err)
	}
	if a.memory == 0 || a.memory > 1<<20 || a.time == 0 || a.time > 100 || a.lanes == 0 || len(a.key) < 16 {
		return a, fmt.Errorf("stored password hash: costs out of range")
	}
	return a, nil
}
