package liveblog

import (
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Role decides what a user may do, on all blogs or, as a member, on one.
type Role string

// Each role includes those after it. A contributor's posts wait for approval;
// a viewer sees drafts.
const (
	RoleAdmin       Role = "admin"
	RoleEditor      Role = "editor"
	RoleContributor Role = "contributor"
	RoleViewer      Role = "viewer"
	RoleNone        Role = ""
)

var roleRank = map[Role]int{RoleNone: 0, RoleViewer: 1, RoleContributor: 2, RoleEditor: 3, RoleAdmin: 4}

// AtLeast reports whether r includes other.
func (r Role) AtLeast(other Role) bool { return roleRank[r] >= roleRank[other] }

// Valid reports whether r can be given to a user.
func (r Role) Valid() bool { return r != RoleNone && roleRank[r] > 0 }

// Limits of a user's fields: name in runes, password in bytes.
const (
	MaxName     = 100
	MaxEmail    = 254
	MinPassword = 12
	MaxPassword = 1024
)

// User is a person who signs in.
type User struct {
	ID           uuid.UUID
	Email        string
	Name         string
	PasswordHash string
	Role         Role
	DisabledAt   *time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Validate reports every field that breaks a rule, as one ErrInvalid.
func (u *User) Validate() error {
	var f fieldErrors
	f.add(between(u.Name, 1, MaxName), "body.name", "must have 1 to %d characters", MaxName)
	f.add(validEmail(u.Email), "body.email", "must be an e-mail address")
	f.add(u.Role.Valid(), "body.role", "must be admin, editor, contributor or viewer")
	return f.err()
}

// Normalize converts the fields to the form in which they are stored.
func (u *User) Normalize() {
	u.Email = NormalEmail(u.Email)
	u.Name = oneLine(stripBidi(u.Name))
}

// NormalEmail returns an address in the form in which addresses are compared.
func NormalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func validEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= MaxEmail
}

// AttemptLimit says how failed sign-in attempts delay the next one. After Free attempts
// the next one is accepted two seconds later, and each further failure doubles the
// delay, up to Longest.
type AttemptLimit struct {
	Free    int
	Longest time.Duration
}

// Scope is one thing an API token may do.
type Scope string

// The scopes of API tokens. ScopeRead includes drafts.
const (
	ScopeRead      Scope = "read"
	ScopePostWrite Scope = "posts:write"
	ScopeBlogWrite Scope = "blogs:write"
	ScopeMedia     Scope = "media:write"
)

// Scopes lists all scopes.
var Scopes = []Scope{ScopeRead, ScopePostWrite, ScopeBlogWrite, ScopeMedia}

// Valid reports whether s is one of Scopes.
func (s Scope) Valid() bool { return slices.Contains(Scopes, s) }

// Principal is the identity behind a request: none, a user or an API token.
type Principal struct {
	User      *User      // nil for a token and an anonymous client
	SessionID uuid.UUID  // of the user
	TokenID   string     // of an API token
	TokenName string     //
	Scopes    []Scope    // of the token
	BlogID    *uuid.UUID // the one blog the token is bound to; nil is all
	Role      Role       // of the user, on all blogs
}

// Anonymous reports whether there is neither a user nor a token.
func (p *Principal) Anonymous() bool { return p == nil || p.User == nil && p.TokenID == "" }

// Key names the principal in the audit log, for idempotency keys and limits.
func (p *Principal) Key() string {
	switch {
	case p.Anonymous():
		return "anonymous"
	case p.User != nil:
		return "user:" + p.User.ID.String()
	default:
		return "token:" + p.TokenID
	}
}

// Has reports whether a token has the scope.
func (p *Principal) Has(s Scope) bool { return slices.Contains(p.Scopes, s) }

// AuthorID returns the author of a post that p creates: the user; nil for tokens.
func (p *Principal) AuthorID() *uuid.UUID {
	if p.Anonymous() || p.User == nil {
		return nil
	}
	return &p.User.ID
}

// Session is a signed-in browser: one family of refresh tokens.
type Session struct {
	ID         uuid.UUID
	UserID     uuid.UUID
	Generation int64 // counts rotations of the refresh token
	RotatedAt  time.Time
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RevokedAt  *time.Time
	UserAgent  string
	Proof      string // hash of the password that was verified for it, only set to create it; "" is another proof
}

// Token is an API token. The secret itself is not stored.
type Token struct {
	ID         string // shown as part of the token
	Name       string
	Hash       []byte // SHA-256 of the secret
	Scopes     []Scope
	BlogID     *uuid.UUID
	BlogSlug   string // derived from BlogID
	CreatedBy  *uuid.UUID
	CreatedAt  time.Time
	ExpiresAt  time.Time
	Expired    bool // by the clock of the database, the one that all nodes share
	LastUsedAt *time.Time
	RevokedAt  *time.Time
}

// Member is a user's role on one blog.
type Member struct {
	BlogID uuid.UUID
	User   User
	Role   Role
}

// UserChange is a change of a user. Fields that are nil stay as they are.
type UserChange struct {
	Name     *string `json:"name,omitempty"`
	Role     *Role   `json:"role,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
}

// Apply changes u. The time at which a user was disabled first stays.
func (c UserChange) Apply(u *User, now time.Time) {
	if c.Name != nil {
		u.Name = *c.Name
	}
	if c.Role != nil {
		u.Role = *c.Role
	}
	switch {
	case c.Disabled == nil:
	case !*c.Disabled:
		u.DisabledAt = nil
	case u.DisabledAt == nil:
		u.DisabledAt = &now
	}
	u.Normalize()
}
