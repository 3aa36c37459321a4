package auth

import (
	"errors"
	"strings"
	"testing"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

func TestRefreshTokens_RoundTrip(t *testing.T) {
	t.Parallel()
	r := NewRefreshTokens(testKeys(t))
	token := r.Sign(testSession, 7)
	if again := r.Sign(testSession, 7); again != token {
		t.Errorf("signed twice: %q, %q", token, again)
	}
	session, generation, err := r.Verify(token)
	if err != nil || session != testSession || generation != 7 {
		t.Errorf("got %v, %d, %v", session, generation, err)
	}
}

func TestRefreshTokens_Attacks(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	r := NewRefreshTokens(k)
	good := r.Sign(testSession, 7)
	parts := strings.Split(good, ".")
	access, _ := NewAccessTokens(k, at(noon)).Sign(Claims{testUser, testSession})
	for name, token := range map[string]string{
		"empty":              "",
		"dots":               "..",
		"another generation": parts[0] + ".8." + parts[2],
		"signed generation":  parts[0] + ".+7." + parts[2],
		"padded generation":  parts[0] + ".07." + parts[2],
		"huge generation":    parts[0] + ".9223372036854775808." + parts[2],
		"another session":    uuid.NewString() + ".7." + parts[2],
		"capital letters":    strings.ToUpper(parts[0]) + ".7." + parts[2],
		"no mac":             parts[0] + ".7.",
		"cut mac":            good[:len(good)-1],
		"trailing":           good + "A",
		"fourth part":        good + ".x",
		"long":               good + strings.Repeat("A", 300),
		"access token":       access,
		"device cookie":      NewDevices(k).Issue(testUser),
	} {
		if _, _, err := r.Verify(token); !errors.Is(err, liveblog.ErrUnauthorized) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDevices_CookieIsForOneAccount(t *testing.T) {
	t.Parallel()
	d := NewDevices(testKeys(t))
	cookie := d.Issue(testUser)
	if id, ok := d.ID(cookie, testUser); !ok || id == "" {
		t.Errorf("got %q, %v", id, ok)
	}
	for name, bad := range map[string]string{"empty": "", "dot": ".", "cut": cookie[:len(cookie)-1], "longer": cookie + "A", "other id": "A" + cookie} {
		if _, ok := d.ID(bad, testUser); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, ok := d.ID(cookie, testSession); ok {
		t.Error("accepted for another account")
	}
}

func FuzzRefreshToken(f *testing.F) {
	r := NewRefreshTokens(testKeys(f))
	f.Add(r.Sign(testSession, 7))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		session, generation, err := r.Verify(token)
		if err == nil && r.Sign(session, generation) != token {
			t.Errorf("accepted %q", token)
		}
	})
}
