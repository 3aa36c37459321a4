package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// maxHead is more than any head of a request that the server reads, in bytes. Of
// one that is longer it does not take all, so that its answer may be lost.
const maxHead = 32 << 10

var url64 = base64.RawURLEncoding

// mint makes access tokens with the key that the node itself signs with, for a
// session of an admin that stands: only what a test spoils can be wrong.
type mint struct {
	key     []byte
	user    string
	session string
	now     time.Time
}

// fields are the members of a JSON object.
type fields map[string]any

func (s *stage) mint() *mint {
	s.t.Helper()
	stored, err := s.db.SigningKeys(s.t.Context(), liveblog.Actor{})
	if err != nil {
		s.t.Fatal(err)
	}
	m := &mint{user: s.admin.ID.String(), session: s.signIn(s.admin).Session.ID.String(), now: time.Now()}
	for _, k := range stored {
		if k.ID == "access-1" {
			m.key = digestOf(sha256.New, nil, string(k.Secret)) // without a secret of the operator
		}
	}
	return m
}

func digestOf(h func() hash.Hash, key []byte, text string) []byte {
	mac := hmac.New(h, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (m *mint) header() fields { return fields{"alg": "HS256", "typ": "JWT", "kid": "access-1"} }

func (m *mint) claims() fields {
	return fields{"iss": "dateline", "aud": "dateline-api", "sub": m.user, "sid": m.session, "typ": "access",
		"iat": m.now.Unix(), "exp": m.now.Add(5 * time.Minute).Unix()}
}

// body is header and claims, each as given after a change: nil takes a member away.
func (m *mint) body(header, claims fields) string {
	return segment(m.header(), header) + "." + segment(m.claims(), claims)
}

func segment(all, changes fields) string {
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // of what a test wrote down
	}
	return url64.EncodeToString(text)
}

func (m *mint) sign(body string) string {
	return body + "." + url64.EncodeToString(digestOf(sha256.New, m.key, body))
}

func (m *mint) token(header, claims fields) string { return m.sign(m.body(header, claims)) }

// raw signs a header and claims that are any text.
func (m *mint) raw(header, claims string) string {
	return m.sign(url64.EncodeToString([]byte(header)) + "." + url64.EncodeToString([]byte(claims)))
}

// TestE2E_SecurityJWT shows tokens with one thing wrong to the program itself,
// as Bearer and as a cookie. The clocks of nodes may differ by half a minute.
func TestE2E_SecurityJWT(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.mint()
	c := newRawClient(t, s.node.url)
	good := map[string]string{
		"unchanged":            m.token(nil, nil),
		"audience in a list":   m.token(nil, fields{"aud": []string{"another", "dateline-api"}}),
		"fraction of a second": m.token(nil, fields{"exp": float64(m.now.UnixMilli())/1000 + 60.5}),
		"a clock ahead":        m.token(nil, fields{"iat": m.now.Add(20 * time.Second).Unix(), "nbf": m.now.Add(20 * time.Second).Unix()}),
		"a clock behind":       m.token(nil, fields{"exp": m.now.Add(-15 * time.Second).Unix()}),
	}
	for name, token := range good {
		if a, err := c.one(request("GET", "/api/v1/session", bearer(token), "")); err != nil || a.status != http.StatusOK {
			t.Errorf("%s: %d %s %v; the attacks prove nothing", name, a.status, a.body, err)
		}
	}
	attacks := m.attacks(t)
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		for how, header := range map[string]string{"Bearer": bearer(attacks[name]), "cookie": cookie(attacks[name])} {
			a, err := c.one(request("POST", "/api/v1/blogs", header, `{"slug":"stolen","title":"x"}`))
			hungUp := len(header) > maxHead && (err != nil || a.status == http.StatusRequestHeaderFieldsTooLarge)
			if (err != nil || a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest) && !hungUp {
				t.Errorf("%s as %s: %d %s %v", name, how, a.status, a.body, err)
			}
			c.hangUp()
		}
	}
	if n := number(t, s.dsn, `SELECT count(*) FROM blogs`); n != 2 {
		t.Errorf("%d blogs", n)
	}
	s.node.noPanic()
	t.Logf("%d tokens, each as Bearer and as a cookie", len(attacks))
}

// attacks are named by what is wrong with them: RFC 7515, 7519 and 8725, and what
// other products fell for.
func (m *mint) attacks(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, part := range []map[string]string{m.algorithms(t), m.keyIDs(), m.headers(), m.times(), m.names(), m.spellings(), m.others()} {
		maps.Copy(all, part)
	}
	if len(all) < 100 {
		t.Errorf("only %d attacks", len(all))
	}
	return all
}

// algorithms claim another one, or do it.
func (m *mint) algorithms(t *testing.T) map[string]string {
	all := map[string]string{}
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "n\u043ene", "", " ", "HS256 ", "hs256", "HS1", "HS384", "HS512", "RS256", "RS512", "ES256", "ES384", "PS256", "EdDSA", 5, true, []string{"HS256"}, fields{"x": 1}, nil} {
		all[fmt.Sprintf("alg %v", alg)] = m.token(fields{"alg": alg}, nil)
		all[fmt.Sprintf("alg %v, unsigned", alg)] = m.body(fields{"alg": alg}, nil) + "."
	}
	body := m.body(fields{"alg": "HS512"}, nil)
	all["HS512 with the right key"] = body + "." + url64.EncodeToString(digestOf(sha512.New, m.key, body))
	body = m.body(nil, nil)
	all["HS512 called HS256"] = body + "." + url64.EncodeToString(digestOf(sha512.New, m.key, body))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all["RS256"] = signBy(t, m.body(fields{"alg": "RS256"}, nil), rsaKey)
	all["ES256"] = signBy(t, m.body(fields{"alg": "ES256"}, nil), ecKey)
	all["RS256 called HS256"] = signBy(t, m.body(nil, nil), rsaKey)
	all["ES256 called HS256"] = signBy(t, m.body(nil, nil), ecKey)
	all["ES256 of r = s = 0"] = m.body(fields{"alg": "ES256"}, nil) + "." + url64.EncodeToString(make([]byte, 64))
	return all
}

func signBy(t *testing.T, body string, key crypto.Signer) string {
	sum := sha256.Sum256([]byte(body))
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return body + "." + url64.EncodeToString(signature)
}

// keyIDs name a key by what a careless lookup would follow. The last are signed
// with what such a lookup might find.
func (m *mint) keyIDs() map[string]string {
	all := map[string]string{}
	for _, kid := range []any{
		nil, "", " ", 1, -1, true, []string{}, []string{"access-1"}, fields{"kid": "access-1"}, "access-0", "access-2", "access-01", "access-1 ", " access-1", "ACCESS-1", "access-1\x00", "access-1\n",
		"access-1,access-2", "refresh", "../../../../dev/null", "/proc/sys/kernel/randomize_va_space", "file:///dev/null", "https://evil.example/jwks.json", "access-1' OR '1'='1", "'; DROP TABLE signing_keys; --",
		"access-1%00", "\u0430ccess-1", "access-\uff11", strings.Repeat("a", 3000), "$(id)", "|id", "../access-1", "access-1/../access-1",
	} {
		all[fmt.Sprintf("kid %.40v", kid)] = m.token(fields{"kid": kid}, nil)
	}
	for name, key := range map[string][]byte{"no key": nil, "a zero": {0}, "zeros": make([]byte, 32), "the id": []byte("access-1"), "the issuer": []byte("dateline"), "secret": []byte("secret")} {
		all["signed with "+name] = (&mint{key, m.user, m.session, m.now}).token(nil, nil)
		all["signed with "+name+", of /dev/null"] = (&mint{key, m.user, m.session, m.now}).token(fields{"kid": "/dev/null"}, nil)
	}
	return all
}

// headers ask for what we do not understand, which must be refused (RFC 7515,
// section 4.1.11), or bring a key of their own.
func (m *mint) headers() map[string]string {
	all := map[string]string{}
	for name, header := range map[string]fields{
		"crit": {"crit": []string{"exp"}, "exp": 1}, "crit of nothing": {"crit": []string{}}, "crit b64": {"crit": []string{"b64"}, "b64": false}, "b64 alone": {"b64": false},
		"jwk": {"jwk": fields{"kty": "oct", "k": "AAAA"}}, "jku": {"jku": "https://evil.example/jwks.json"}, "x5u": {"x5u": "https://evil.example/x.pem"}, "x5c": {"x5c": []string{"AAAA"}}, "x5t": {"x5t": "AAAA"},
		"zip": {"zip": "DEF"}, "cty JWT": {"cty": "JWT"}, "typ at+jwt": {"typ": "at+jwt"}, "typ JWE": {"typ": "JWE"}, "no typ": {"typ": nil}, "typ number": {"typ": 1}, "enc": {"enc": "A256GCM"}, "unknown": {"x": "y"},
	} {
		all["header "+name] = m.token(header, nil)
	}
	return all
}

// times lie in what a clock, or a number, can't be.
func (m *mint) times() map[string]string {
	all := map[string]string{}
	past, future := m.now.Add(-31*time.Second).Unix(), m.now.Add(time.Hour).Unix()
	for name, claims := range map[string]fields{
		"no exp": {"exp": nil}, "exp past": {"exp": past}, "exp zero": {"exp": 0}, "exp negative": {"exp": -1}, "exp hugely negative": {"exp": -1e300}, "exp past, as text": {"exp": fmt.Sprint(past)}, "exp date": {"exp": "2099-01-01T00:00:00Z"},
		"exp true": {"exp": true}, "exp list": {"exp": []int64{future}}, "exp object": {"exp": fields{"at": future}}, "exp empty": {"exp": ""}, "exp milliseconds of the past": {"exp": float64(past) + .999},
		"nbf future": {"nbf": future}, "nbf future, as text": {"nbf": fmt.Sprint(future)}, "nbf huge": {"nbf": 1e18}, "iat future": {"iat": future}, "iat text": {"iat": "now"}, "iat huge": {"iat": 1e18}, "iat list": {"iat": []int{1}},
	} {
		all[name] = m.token(nil, claims)
	}
	all["exp NaN"] = m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1"}`, `{"iss":"dateline","aud":"dateline-api","sub":"`+m.user+`","sid":"`+m.session+`","typ":"access","exp":NaN}`)
	all["exp null"] = m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1"}`, `{"iss":"dateline","aud":"dateline-api","sub":"`+m.user+`","sid":"`+m.session+`","typ":"access","exp":null}`)
	all["exp twice, past last"] = m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1"}`,
		fmt.Sprintf(`{"iss":"dateline","aud":"dateline-api","sub":"%s","sid":"%s","typ":"access","exp":%d,"exp":%d}`, m.user, m.session, future, past))
	return all
}

// names are not whom we sign for, or not ours.
func (m *mint) names() map[string]string {
	all := map[string]string{}
	for name, claims := range map[string]fields{
		"no iss": {"iss": nil}, "iss empty": {"iss": ""}, "iss other": {"iss": "dateline.example"}, "iss capital": {"iss": "Dateline"}, "iss list": {"iss": []string{"dateline"}}, "iss number": {"iss": 1},
		"no aud": {"aud": nil}, "aud empty": {"aud": ""}, "aud other": {"aud": "dateline-preview"}, "aud empty list": {"aud": []string{}}, "aud list of others": {"aud": []string{"a", "b"}}, "aud number": {"aud": 1},
		"aud mixed list": {"aud": []any{"dateline-api", 1}}, "aud object": {"aud": fields{"x": "dateline-api"}}, "aud longer": {"aud": "dateline-api-x"}, "aud joined": {"aud": "x dateline-api"},
		"no typ": {"typ": nil}, "typ refresh": {"typ": "refresh"}, "typ list": {"typ": []string{"access"}}, "typ capital": {"typ": "ACCESS"},
		"no sub": {"sub": nil}, "sub empty": {"sub": ""}, "sub admin": {"sub": "admin"}, "sub e-mail": {"sub": adminEmail}, "sub capital": {"sub": strings.ToUpper(m.user)}, "sub braces": {"sub": "{" + m.user + "}"},
		"sub urn": {"sub": "urn:uuid:" + m.user}, "sub number": {"sub": 1}, "sub list": {"sub": []string{m.user}}, "sub nobody": {"sub": uuid.NewString()}, "sub nil": {"sub": uuid.Nil.String()}, "sub SQL": {"sub": m.user + "' OR true --"},
		"no sid": {"sid": nil}, "sid empty": {"sid": ""}, "sid other": {"sid": uuid.NewString()}, "sid of the user": {"sid": m.user}, "sid SQL": {"sid": "x' OR '1'='1"}, "sid number": {"sid": 1}, "sid list": {"sid": []string{m.session}},
	} {
		all["claim "+name] = m.token(nil, claims)
	}
	return all
}

// spellings are a good token written otherwise: one token has one spelling.
func (m *mint) spellings() map[string]string {
	good := m.token(nil, nil)
	part := strings.Split(good, ".")
	tail := good[len(good)-1]
	loose := good[:len(good)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", tail)|3)])
	std := func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) }
	signature, _ := url64.DecodeString(part[2]) // just encoded
	return map[string]string{
		"two parts": part[0] + "." + part[1], "no signature": part[0] + "." + part[1] + ".", "four parts": good + ".x", "fourth part empty": good + ".", "leading dot": "." + good, "five parts, as JWE": good + "..",
		"padding": good + "=", "two paddings": good + "==", "padded header": part[0] + "=." + part[1] + "." + part[2], "loose last bits": loose, "a character more": good + "A", "a character less": good[:len(good)-1],
		"half a signature": good[:len(good)-22], "first byte of the signature": part[0] + "." + part[1] + "." + url64.EncodeToString(signature[:1]), "signature in hex": part[0] + "." + part[1] + "." + fmt.Sprintf("%x", signature),
		"signature twice": good + part[2], "standard base64": std(part[0]) + "." + std(part[1]) + "+/." + std(part[2]), "percent": strings.Replace(good, ".", "%2e", 1), "space within": part[0] + ". " + part[1] + "." + part[2],
		"tab within": part[0] + ".\t" + part[1] + "." + part[2], "quoted twice": `""` + good + `""`, "comma list": good + "," + good, "unicode dots": strings.ReplaceAll(good, ".", "\u3002"), "zero width": good[:9] + "\u200b" + good[9:],
		"capitals": strings.ToUpper(good), "payload of another user": part[0] + "." + segment(m.claims(), fields{"sub": uuid.NewString()}) + "." + part[2], "header of another": segment(m.header(), fields{"kid": "access-2"}) + "." + part[1] + "." + part[2],
		"parts swapped": part[1] + "." + part[0] + "." + part[2], "Bearer in Bearer": "Bearer " + good, "JSON serialisation": `{"protected":"` + part[0] + `","payload":"` + part[1] + `","signature":"` + part[2] + `"}`,
	}
}

// others are no access tokens at all, or too much of one.
func (m *mint) others() map[string]string {
	refresh := m.session + ".1." + url64.EncodeToString(digestOf(sha256.New, m.key, m.session+".1"))
	return map[string]string{
		"refresh token by the wrong key": refresh, "access token as API token": "dl_" + m.token(nil, nil), "dots": "..", "many dots": strings.Repeat(".", 5000), "header null": m.raw("null", "null"), "header list": m.raw(`["HS256"]`, "{}"),
		"header empty": m.raw("{}", "{}"), "claims null": m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1"}`, "null"), "claims list": m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1"}`, "[]"), "claims text": m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1"}`, `"x"`),
		"claims and more": m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1"}`, `{"iss":"dateline"}{"sub":"x"}`), "alg twice, none last": m.raw(`{"alg":"HS256","typ":"JWT","kid":"access-1","alg":"none"}`, `{}`), "deep": m.raw(strings.Repeat("[", 900), strings.Repeat("[", 900)),
		"longer than 4 kB": m.token(nil, fields{"x": strings.Repeat("x", 5000)}), "1 MB": m.token(nil, fields{"x": strings.Repeat("x", 1<<20)}), "1 MB of dots": strings.Repeat(".", 1<<20), "user id": m.user, "session id": m.session,
	}
}
