package auth

import (
	"encoding/json"
	"testing"
	"time"
)

// Even what is signed with our own key is taken only if it is an access token of
// ours, for now and for a user and session that have one spelling.
func FuzzSignedClaims(f *testing.F) {
	k := testKeys(f)
	good := newForger(k)
	f.Add([]byte(jsonText(good.claims)))
	for _, change := range []string{`{}`, `null`, `[]`, ``, `{"exp":1e999}`, `{"typ":"refresh"}`, `{"typ":"access","typ":"refresh"}`, `{"exp":"9"}`, `{"exp":9999999999,"nbf":9999999999}`, `{"aud":["dateline-api","x"]}`, `{"aud":[]}`, `{"iss":"dateline","ISS":"x"}`} {
		f.Add([]byte(change))
	}
	for name, value := range map[string]any{"exp": nil, "sub": "6F1F64B8-63F6-4A3B-9D5D-0A0B1C7F1E11", "sid": "", "typ": "refresh", "iat": noon.Add(time.Hour).Unix(), "aud": []string{audience}, "iss": []string{issuer}} {
		other := newForger(k)
		other.claims[name] = value
		f.Add([]byte(jsonText(other.claims)))
	}
	header := segment(good.header)
	verify := NewAccessTokens(k, at(noon))
	f.Fuzz(func(t *testing.T, payload []byte) {
		body := header + "." + url64.EncodeToString(payload)
		c, err := verify.Verify(body + "." + url64.EncodeToString(mac(good.key, []byte(body))))
		if err != nil {
			return
		}
		var said struct {
			Iss, Sub, Sid, Typ string
			Exp                float64
		}
		if err := json.Unmarshal(payload, &said); err != nil {
			t.Fatalf("%s was taken: %v", payload, err)
		}
		ours := said.Iss == issuer && said.Typ == typeAccess && said.Sub == c.UserID.String() && said.Sid == c.SessionID.String()
		if !ours || said.Exp < float64(noon.Add(-time.Minute).Unix()) {
			t.Errorf("%s was taken as %+v", payload, c)
		}
	})
}
