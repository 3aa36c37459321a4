package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

var (
	testUser    = uuid.MustParse("6f1f64b8-63f6-4a3b-9d5d-0a0b1c7f1e11")
	testSession = uuid.MustParse("0a1b2c3d-63f6-4a3b-9d5d-0a0b1c7f1e22")
)

// forger makes tokens that differ from a good one in what a test sets.
type forger struct {
	header map[string]any
	claims map[string]any
	key    []byte
}

func newForger(k *Keys) *forger {
	return &forger{
		header: map[string]any{"alg": "HS256", "typ": "JWT", "kid": "access-1"},
		claims: map[string]any{
			"iss": issuer, "aud": audience, "sub": testUser.String(), "sid": testSession.String(), "typ": typeAccess,
			"iat": noon.Unix(), "exp": noon.Add(AccessTTL).Unix(),
		},
		key: k.access["access-1"],
	}
}

func (f *forger) token() string {
	body := segment(f.header) + "." + segment(f.claims)
	return body + "." + url64.EncodeToString(mac(f.key, []byte(body)))
}

func segment(v any) string {
	text, _ := json.Marshal(v)
	return url64.EncodeToString(text)
}

func TestAccessTokens_RoundTrip(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	want := Claims{testUser, testSession}
	token, err := NewAccessTokens(k, at(noon)).Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, when := range map[string]time.Time{
		"at once": noon, "late": noon.Add(AccessTTL - time.Second), "by a clock behind": noon.Add(-20 * time.Second),
	} {
		if got, err := NewAccessTokens(k, at(when)).Verify(token); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := NewAccessTokens(k, at(noon)).Verify(newForger(k).token()); err != nil || got != want {
		t.Errorf("the forger's unchanged token: %v, %v; the attacks prove nothing", got, err)
	}
}

func TestAccessTokens_OldKeyVerifiesNewestSigns(t *testing.T) {
	t.Parallel()
	old := testKeys(t)
	rotated, err := NewKeys(storedKeys("access-1", RefreshKeyID, "access-2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	signedByOld, _ := NewAccessTokens(old, at(noon)).Sign(Claims{testUser, testSession})
	signedByNew, _ := NewAccessTokens(rotated, at(noon)).Sign(Claims{testUser, testSession})
	if _, err := NewAccessTokens(rotated, at(noon)).Verify(signedByOld); err != nil {
		t.Errorf("a token of the old key: %v", err)
	}
	if _, err := NewAccessTokens(old, at(noon)).Verify(signedByNew); err == nil {
		t.Error("a token of a key that is not in the table was accepted")
	}
}

func TestAccessTokens_Attacks(t *testing.T) {
	t.Parallel()
	k := testKeys(t)
	verify := NewAccessTokens(k, at(noon))
	for name, token := range attacks(t, k) {
		c, err := verify.Verify(token)
		if !errors.Is(err, liveblog.ErrUnauthorized) || c != (Claims{}) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// attacks are tokens that must be refused: RFC 8725 and CVEs of other products.
func attacks(t testing.TB, k *Keys) map[string]string {
	all := map[string]string{}
	forge := func(name string, change func(*forger)) {
		f := newForger(k)
		change(f)
		all[name] = f.token()
	}
	header := func(name, field string, value any) { forge(name, func(f *forger) { f.header[field] = value }) }
	claim := func(name, field string, value any) { forge(name, func(f *forger) { f.claims[field] = value }) }
	without := func(field string) { forge("no "+field, func(f *forger) { delete(f.claims, field) }) }

	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256", nil, 5, []string{"HS256"}} {
		header("alg "+jsonText(alg), "alg", alg)
	}
	for _, kid := range []any{
		"access-2", "access-1 ", "access-01", "ACCESS-1", "refresh", "", nil, 1, []string{"access-1"}, map[string]string{"a": "b"},
		"../../../../dev/null", "access-1' OR '1'='1", "https://evil.example/jwks.json", "access-1\x00", "access-1\n",
	} {
		header("kid "+jsonText(kid), "kid", kid)
	}
	forge("no kid", func(f *forger) { delete(f.header, "kid") })
	forge("embedded key", func(f *forger) {
		f.header["jwk"], f.key = map[string]string{"kty": "oct", "k": "AAAA"}, []byte{0, 0, 0}
		f.header["jku"] = "https://evil.example/jwks.json"
	})
	header("critical extension", "crit", []string{"b64"})
	header("unknown in the header", "x", "y")
	header("another type in the header", "typ", "at+jwt")
	forge("no type in the header", func(f *forger) { delete(f.header, "typ") })
	for _, field := range []string{"exp", "iss", "aud", "sub", "sid", "typ"} {
		without(field)
	}
	claim("expired", "exp", noon.Add(-time.Minute).Unix())
	claim("exp is text", "exp", "tomorrow")
	claim("exp is null", "exp", nil)
	claim("not yet valid", "nbf", noon.Add(time.Minute).Unix())
	claim("issued in the future", "iat", noon.Add(time.Hour).Unix())
	claim("another issuer", "iss", "evil")
	claim("another audience", "aud", "dateline-preview")
	claim("empty audience", "aud", []string{})
	claim("audience of empty text", "aud", []string{""})
	claim("type refresh", "typ", "refresh")
	claim("type in capitals", "typ", "ACCESS")
	claim("subject is no id", "sub", "admin")
	claim("subject spelled otherwise", "sub", strings.ToUpper(testUser.String()))
	claim("subject in braces", "sub", "{"+testUser.String()+"}")
	claim("subject is a number", "sub", 1)
	claim("session is no id", "sid", "1")
	claim("too long", "x", strings.Repeat("x", 5<<10))
	forge("another key", func(f *forger) { f.key = make([]byte, KeyLength) })
	forge("empty key", func(f *forger) { f.key = nil })
	forge("the refresh key", func(f *forger) { f.key = k.root })

	good := newForger(k).token()
	parts := strings.Split(good, ".")
	tampered := newForger(k)
	tampered.claims["sub"] = uuid.NewString()
	all["payload of another"] = parts[0] + "." + segment(tampered.claims) + "." + parts[2]
	all["no signature"] = parts[0] + "." + parts[1] + "."
	all["two parts"] = parts[0] + "." + parts[1]
	all["four parts"] = good + ".x"
	all["trailing space"] = good + " "
	all["trailing newline"] = good + "\n"
	all["trailing padding"] = good + "="
	all["leading space"] = " " + good
	all["loose last bits"] = good[:len(good)-1] + string(good[len(good)-1]+1)
	all["empty"] = ""
	all["dots"] = ".."
	all["many dots"] = strings.Repeat(".", 5000)
	all["not base64"] = "a b.c d.e f"
	all["header is null"] = url64.EncodeToString([]byte("null")) + "." + parts[1] + "." + parts[2]
	all["standard base64"] = base64.StdEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + parts[1] + "." + parts[2]
	all["RSA signed"] = signedRSA(t, newForger(k))
	all["refresh token"] = NewRefreshTokens(k).Sign(testSession, 1)
	return all
}

func jsonText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

func signedRSA(t testing.TB, f *forger) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(f.claims))
	token.Header["kid"] = "access-1"
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func FuzzJWT(f *testing.F) {
	k := testKeys(f)
	for _, token := range attacks(f, k) {
		f.Add(token)
	}
	good := newForger(k).token()
	f.Add(good)
	verify := NewAccessTokens(k, at(noon))
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := verify.Verify(token); err == nil && token != good {
			t.Errorf("accepted %q", token)
		}
	})
}
