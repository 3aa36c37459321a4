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

// What a new hash costs: the least that OWASP's password storage cheat sheet
// accepts for Argon2id.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32 // bytes
	argonSalt   = 16 // bytes
)

// maxWaiting is how many may wait for a core in each line.
const maxWaiting = 16

// Line is where a caller waits for a core. Each has its own places, so that a
// flood of strangers can't turn away those we know.
type Line int

// The lines: for browsers we never saw, and for all others.
const (
	Strangers Line = iota
	Known
)

// argon is what a stored hash says of itself.
type argon struct {
	memory, time uint32
	lanes        uint8
	salt, key    []byte
}

// Passwords hashes and checks passwords, in each line on at most half of the cores
// at a time: each takes a core and 19 MiB for some hundredths of a second, and
// strangers who guess must not slow down those who publish or sign in.
type Passwords struct {
	cores [2]chan struct{}
	lines [2]chan struct{} // those at work and those who wait
	dummy string           // the hash of a password nobody has
}

// NewPasswords makes ready to hash.
func NewPasswords() *Passwords {
	half := max(1, runtime.GOMAXPROCS(0)/2)
	p := &Passwords{dummy: hash(rand.Text())}
	for line := range p.lines {
		p.cores[line] = make(chan struct{}, half)
		p.lines[line] = make(chan struct{}, half+maxWaiting)
	}
	return p
}

// Hash returns the Argon2id hash of a password, in PHC string format. It gives
// ErrTooMany when too many wait already.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx, Known); err != nil {
		return "", err
	}
	defer p.leave(Known)
	return hash(password), nil
}

// Verify reports whether the password is the one of the stored hash. An empty
// stored hash, for an account that does not exist, fits nothing and takes as long.
// It gives ErrTooMany when the line is full.
func (p *Passwords) Verify(ctx context.Context, line Line, stored, password string) (bool, error) {
	if err := p.enter(ctx, line); err != nil {
		return false, err
	}
	defer p.leave(line)
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

// NeedsRehash reports whether a stored hash was made with other costs than
// today's.
func NeedsRehash(stored string) bool {
	a, err := parseHash(stored)
	return err != nil || a.memory != argonMemory || a.time != argonTime || a.lanes != argonLanes
}

// errBusy is a line that is full.
var errBusy = liveblog.Errorf(liveblog.ErrTooMany, "busy", "too many people sign in at the moment")

// full reports whether a caller who came now would be turned away.
func (p *Passwords) full(line Line) bool { return len(p.lines[line]) == cap(p.lines[line]) }

func (p *Passwords) enter(ctx context.Context, line Line) error {
	select {
	case p.lines[line] <- struct{}{}:
	default:
		return errBusy
	}
	select {
	case p.cores[line] <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-p.lines[line]
		return fmt.Errorf("%w: password: %w", liveblog.ErrUnavailable, ctx.Err())
	}
}

func (p *Passwords) leave(line Line) {
	<-p.cores[line]
	<-p.lines[line]
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

// parseHash reads a PHC string back. Its text holds no part of the hash in errors.
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
