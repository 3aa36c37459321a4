package auth

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
)

func TestNewToken_StoresOnlyTheHash(t *testing.T) {
	t.Parallel()
	var token liveblog.Token
	secret := NewToken(&token, noon, 30*24*time.Hour)
	id, rest, ok := parseToken(secret)
	if !ok || id != token.ID || len(rest) < 43 {
		t.Fatalf("%q is read as %q, %q, %v", secret, id, rest, ok)
	}
	if bytes.Contains(token.Hash, []byte(rest)) || len(token.Hash) != 32 {
		t.Error("the secret is not hashed")
	}
	if !usable(&token, rest) {
		t.Error("a new token is not usable")
	}
	if want := noon.Add(30 * 24 * time.Hour); !token.ExpiresAt.Equal(want) {
		t.Errorf("expires %v, want %v", token.ExpiresAt, want)
	}
}

func TestNewToken_LivesAYearAtMost(t *testing.T) {
	t.Parallel()
	var token liveblog.Token
	NewToken(&token, noon, 10*MaxTokenLife)
	if want := noon.Add(MaxTokenLife); !token.ExpiresAt.Equal(want) {
		t.Errorf("expires %v, want %v", token.ExpiresAt, want)
	}
}

func TestUsable_OnlyWithTheSecretUntilItsEnd(t *testing.T) {
	t.Parallel()
	var token liveblog.Token
	_, secret, _ := parseToken(NewToken(&token, noon, time.Hour))
	revoked, expired := token, token
	revoked.RevokedAt, expired.Expired = &noon, true
	tests := []struct {
		name   string
		token  liveblog.Token
		secret string
		want   bool
	}{
		{"good", token, secret, true},
		{"expired", expired, secret, false},
		{"revoked", revoked, secret, false},
		{"another secret", token, strings.Repeat("A", len(secret)), false},
		{"no secret", token, "", false},
	}
	for _, test := range tests {
		if got := usable(&test.token, test.secret); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func FuzzToken(f *testing.F) {
	var token liveblog.Token
	good := NewToken(&token, noon, time.Hour)
	for _, s := range []string{good, good + "\n", good[:len(good)-20], "dl__", "dl_AAAAAAAAAA_", strings.ToLower(good), ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, secret, ok := parseToken(s); ok && s != tokenPrefix+id+"_"+secret {
			t.Errorf("%q is read as %q, %q", s, id, secret)
		}
	})
}
