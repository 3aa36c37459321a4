package auth

import (
	"bytes"
	"testing"

	"dateline/internal/liveblog"
)

func storedKeys(ids ...string) []liveblog.SigningKey {
	var keys []liveblog.SigningKey
	for i, id := range ids {
		keys = append(keys, liveblog.SigningKey{ID: id, Secret: bytes.Repeat([]byte{byte(i + 1)}, KeyLength)})
	}
	return keys
}

func testKeys(t testing.TB) *Keys {
	t.Helper()
	k, err := NewKeys(storedKeys("access-1", RefreshKeyID), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNewKeys_RefusesWhatIsWeak(t *testing.T) {
	t.Parallel()
	short := storedKeys("access-1", RefreshKeyID)
	short[0].Secret = short[0].Secret[:31]
	tests := map[string]struct {
		stored []liveblog.SigningKey
		secret string
	}{
		"no keys":               {nil, ""},
		"no refresh key":        {storedKeys("access-1"), ""},
		"no access key":         {storedKeys(RefreshKeyID, "acces-1", "access-0", "access-1000000"), ""},
		"short stored key":      {short, ""},
		"short operator secret": {storedKeys("access-1", RefreshKeyID), "changeme"},
	}
	for name, test := range tests {
		if _, err := NewKeys(test.stored, []byte(test.secret)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewKeys_OperatorSecretChangesAll(t *testing.T) {
	t.Parallel()
	stored := storedKeys("access-1", RefreshKeyID)
	secret := bytes.Repeat([]byte{9}, KeyLength)
	plain, _ := NewKeys(stored, nil)
	keyed, err := NewKeys(stored, secret)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(plain.access["access-1"], keyed.access["access-1"]) || bytes.Equal(plain.root, keyed.root) {
		t.Error("the operator's secret has no effect")
	}
	if bytes.Equal(keyed.purpose("a"), keyed.purpose("b")) {
		t.Error("two purposes share a key")
	}
}
