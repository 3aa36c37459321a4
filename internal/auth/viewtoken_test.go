package auth

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

func viewKeys(t testing.TB, secret string) *Keys {
	t.Helper()
	stored := []liveblog.SigningKey{
		{ID: RefreshKeyID, Secret: []byte(strings.Repeat("r", KeyLength))}, {ID: "access-1", Secret: []byte(strings.Repeat("a", KeyLength))},
	}
	keys, err := NewKeys(stored, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// A token counts on every node, for a day, for its own blog, in one spelling.
func TestViewTokens_ValidOnEveryNodeForADayForTheirBlog(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	v, node2 := NewViewTokens(viewKeys(t, ""), clock), NewViewTokens(viewKeys(t, ""), clock)
	blog := uuid.New()
	token := v.Issue(blog)
	if !v.Valid(token, blog) || !node2.Valid(token, blog) {
		t.Errorf("%s is not valid", token)
	}
	if v.Issue(blog) == token {
		t.Error("two pages have one token")
	}
	if v.Valid(token, uuid.New()) {
		t.Error("the token of another blog is valid")
	}
	if NewViewTokens(viewKeys(t, strings.Repeat("s", KeyLength)), clock).Valid(token, blog) {
		t.Error("a token made without the operator's secret is valid")
	}
	for name, other := range altered(t, token) {
		if v.Valid(other, blog) {
			t.Errorf("%s: %q is valid", name, other)
		}
	}
	for _, test := range []struct {
		after time.Duration
		valid bool
	}{{-clockSkew - time.Second, false}, {-10 * time.Minute, true}, {-time.Second, true}, {ViewTokenTTL - time.Second, true}, {ViewTokenTTL, false}} {
		late := NewViewTokens(viewKeys(t, ""), func() time.Time { return now.Add(test.after) })
		if late.Valid(token, blog) != test.valid {
			t.Errorf("%s after it was issued: valid is not %v", test.after, test.valid)
		}
	}
}

// altered is what is made of a token by those who want many.
func altered(t *testing.T, token string) map[string]string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{
		"empty": "", "shorter": token[:37], "longer": token + "A", "a line end": token[:10] + "\n" + token[10:], "made up": strings.Repeat("A", 38),
		"line ends": token[:36] + "\r\n", "padded": token + "==",
	}
	for i := range b {
		b[i] ^= 1
		out["bit of byte "+string(rune('A'+i))] = base64.RawURLEncoding.EncodeToString(b)
		b[i] ^= 1
	}
	return out
}

func BenchmarkViewTokens_Issue(b *testing.B) {
	v, blog := NewViewTokens(viewKeys(b, ""), time.Now), uuid.New()
	for b.Loop() {
		v.Issue(blog)
	}
}
