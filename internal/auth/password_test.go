package auth

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"dateline/internal/liveblog"

	"golang.org/x/crypto/argon2"
)

func TestPasswords_EveryByteCounts(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	long := strings.Repeat("correct horse ", 70) // 980 bytes
	stored, err := p.Hash(t.Context(), long+"a")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{long + "a": true, long + "b": false, long: false, long[:72]: false, "": false} {
		got, err := p.Verify(t.Context(), KnownDevices, stored, password)
		if err != nil || got != want {
			t.Errorf("password of %d bytes: %v, %v, want %v", len(password), got, err, want)
		}
	}
}

func TestPasswords_HashIsPHCAndSalted(t *testing.T) {
	t.Parallel()
	one, two := hash("some password"), hash("some password")
	if one == two {
		t.Error("two hashes of one password are the same")
	}
	phc := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	if !phc.MatchString(one) {
		t.Errorf("%q is not in PHC format", one)
	}
}

func TestPasswords_ReadsCostsFromTheHash(t *testing.T) {
	t.Parallel()
	old := argon{memory: 8 << 10, time: 1, lanes: 2, salt: []byte("0123456789abcdef")}
	old.key = argon2.IDKey([]byte("an old password"), old.salt, old.time, old.memory, old.lanes, argonKey)
	right, err := NewPasswords().Verify(t.Context(), KnownDevices, old.String(), "an old password")
	if !right || err != nil {
		t.Errorf("got %v, %v for a hash of other costs", right, err)
	}
	if !NeedsRehash(old.String()) || NeedsRehash(hash("x")) {
		t.Error("only a hash of other costs needs another")
	}
}

func TestPasswords_UnknownUserFitsNothing(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	for _, password := range []string{"", "x", p.dummy} {
		if right, err := p.Verify(t.Context(), UnknownDevices, "", password); right || err != nil {
			t.Errorf("password %q: %v, %v", password, right, err)
		}
	}
}

func TestPasswords_RefusesBrokenHashes(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	good := hash("x")
	for _, stored := range []string{
		"x", "$2a$10$abc", strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "m=19456", "m=0", 1),
		strings.Replace(good, "m=19456", "m=99999999", 1), strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "p=1", "p=0", 1), good[:len(good)-40], good + "$x", strings.Replace(good, "argon2id", "argon2i", 1),
	} {
		if right, err := p.Verify(t.Context(), KnownDevices, stored, "x"); right || err == nil {
			t.Errorf("%s: %v, %v", stored, right, err)
		}
	}
}

func TestPasswords_FloodOfUnknownDevicesLeavesRoomForUsers(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	for range cap(p.queues[UnknownDevices]) {
		p.queues[UnknownDevices] <- struct{}{}
	}
	for range cap(p.cores[UnknownDevices]) {
		p.cores[UnknownDevices] <- struct{}{}
	}
	if _, err := p.Verify(t.Context(), UnknownDevices, "", "x"); !errors.Is(err, liveblog.ErrTooMany) {
		t.Errorf("an unknown device got, from a full queue, %v", err)
	}
	if _, err := p.Verify(t.Context(), KnownDevices, "", "x"); err != nil {
		t.Errorf("a known device got %v", err)
	}
	withoutStore := &Service{passwords: p}
	if _, err := withoutStore.try(t.Context(), unknownDevice("x", ""), &liveblog.User{}, "x"); !errors.Is(err, liveblog.ErrTooMany) {
		t.Errorf("an attempt that is not even counted got %v", err)
	}
}

func TestPasswords_GivesUpWithTheRequest(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	for range cap(p.cores[KnownDevices]) {
		p.cores[KnownDevices] <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, "x"); !errors.Is(err, liveblog.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if len(p.queues[KnownDevices]) != 0 {
		t.Error("the place in the queue was not released")
	}
}

func TestCheckNewPassword_RejectsWeakOnes(t *testing.T) {
	t.Parallel()
	const email = "Anna.Meier@example.org"
	tests := []struct {
		name, password string
		good           bool
	}{
		{"twelve bytes", "tr0ubadour-x", true},
		{"eleven bytes", "tr0ubadour-", false},
		{"bytes, not runes", "éèêüöä", true},
		{"1024 bytes", strings.Repeat("abcdefgh", 128), true},
		{"1025 bytes", strings.Repeat("abcdefgh", 128) + "i", false},
		{"empty", "", false},
		{"common", "passwordpassword", false},
		{"common in capitals", "PasswordPassword", false},
		{"one character", strings.Repeat("a", 30), false},
		{"two characters", strings.Repeat("ab", 15), false},
		{"contains the address", "xx-anna.meier-99", false},
		{"contains the address in capitals", "xx-ANNA.MEIER-99", false},
		{"spaces count", "  a b c d e f  ", true},
	}
	for _, test := range tests {
		err := CheckNewPassword(test.password, email, "body.password")
		if good := err == nil; good != test.good {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil && !errors.Is(err, liveblog.ErrInvalid) {
			t.Errorf("%s: %v is not ErrInvalid", test.name, err)
		}
	}
}

func TestCheckNewPassword_ShortLocalPartIsNoName(t *testing.T) {
	t.Parallel()
	if err := CheckNewPassword("tr0ubadour-box", "ba@example.org", "body.password"); err != nil {
		t.Error(err)
	}
}

// A common password shorter than the minimum would never be looked up.
func TestCommonPasswords_AreLongEnough(t *testing.T) {
	t.Parallel()
	for password := range common {
		if len(password) < liveblog.MinPassword || password != strings.ToLower(password) {
			t.Errorf("%q can't match", password)
		}
	}
}
