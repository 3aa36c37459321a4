package auth_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"dateline/internal/auth"
	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

func TestThrottle_UnknownDevicesDoNotDelayTheOwner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner := b.mustLogin(t)
	var err error
	for i := range 11 { // from many networks
		_, err = b.login(t, "", fmt.Sprintf("198.51.%d.7", i), "wrong password")
	}
	wantKind(t, "guesses from everywhere", err, liveblog.ErrTooMany)
	p, ok := errors.AsType[*liveblog.Problem](err)
	if !ok || p.RetryAfter <= 0 || p.RetryAfter > time.Minute {
		t.Errorf("no word of how long to wait: %+v", p)
	}
	_, err = b.login(t, "", "203.0.113.1", password)
	wantKind(t, "a strange browser with the right password", err, liveblog.ErrTooMany)
	for range 3 {
		if _, err := b.login(t, owner.Device, "203.0.113.1", password); err != nil {
			t.Errorf("the owner's browser: %v", err)
		}
	}
	b.exec(t, `UPDATE login_failures SET tried_at = tried_at - interval '1 minute'`)
	if _, err := b.login(t, "", "203.0.113.1", password); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestThrottle_DeviceHasItsOwnCounter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	device := b.mustLogin(t).Device
	var err error
	for range 11 {
		_, err = b.login(t, device, "192.0.2.1", "wrong password")
	}
	wantKind(t, "guesses by a known device", err, liveblog.ErrTooMany)
	if _, err := b.login(t, "", "192.0.2.1", password); err != nil {
		t.Errorf("they count for others: %v", err)
	}
}

func TestThrottle_ForgedDeviceIsUnknown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var err error
	for range 11 {
		_, err = b.login(t, uuid.NewString()+".AAAA", "192.0.2.1", "wrong password")
	}
	wantKind(t, "a new device id for each guess", err, liveblog.ErrTooMany)
}

func TestThrottle_NetworkGuessesAtManyAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO login_failures (key, failures) VALUES ('address:192.0.2.0/24', 50), ('address:2001:db8:1:2::/64', 50)`)
	for _, address := range []string{"192.0.2.200", "::ffff:192.0.2.3", "2001:db8:1:2:ffff::1"} {
		_, err := b.service.Login(t.Context(), from(address), auth.Browser{}, "someone@example.org", password)
		wantKind(t, address, err, liveblog.ErrTooMany)
	}
	for _, address := range []string{"192.0.3.1", "2001:db8:1:3::1", ""} {
		if _, err := b.login(t, "", address, password); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// However many wrong passwords come from a network, a new device of it signs in
// after seconds, and one that was there before at once.
func TestThrottle_NetworkIsSlowedDownNotLockedOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known := b.mustLogin(t).Device
	b.exec(t, `INSERT INTO login_failures (key, failures) VALUES ('address:192.0.2.0/24', 100000)
		ON CONFLICT (key) DO UPDATE SET failures = 100000, tried_at = clock_timestamp()`)
	_, err := b.login(t, "", "192.0.2.1", password)
	p, ok := errors.AsType[*liveblog.Problem](err)
	if !ok || p.RetryAfter > 10*time.Second {
		t.Errorf("a new device has to wait: %v", err)
	}
	if _, err := b.login(t, known, "192.0.2.1", password); err != nil {
		t.Errorf("a known device: %v", err)
	}
	b.exec(t, `UPDATE login_failures SET tried_at = tried_at - interval '10 seconds'`)
	if _, err := b.login(t, "", "192.0.2.1", password); err != nil {
		t.Errorf("a new device after the wait: %v", err)
	}
}

// One network that guesses at an account all the time leaves room for others who
// sign in to it; and attempts that are refused slow down nobody else.
func TestThrottle_OneNetworkLeavesRoom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 10 {
		_, err := b.login(t, "", "198.51.100.7", "wrong password")
		wantKind(t, fmt.Sprint("guess ", i), err, liveblog.ErrUnauthorized)
	}
	b.exec(t, `UPDATE login_failures SET failures = 30`)
	b.exec(t, `UPDATE login_failures SET tried_at = tried_at - interval '40 seconds'`)
	for range 20 {
		_, err := b.login(t, "", "198.51.100.7", "wrong password")
		wantKind(t, "the network that guesses", err, liveblog.ErrTooMany)
	}
	if _, err := b.login(t, "", "203.0.113.1", password); err != nil {
		t.Errorf("another network meanwhile: %v", err)
	}
}

func TestThrottle_RightPasswordsAreFree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 12 {
		b.mustLogin(t)
	}
}

func TestChangePassword_GuessesAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := &liveblog.Principal{User: b.user, Role: b.user.Role}
	var err error
	for range 11 {
		_, err = b.service.ChangePassword(t.Context(), liveblog.Actor{Principal: p}, auth.Browser{}, "wrong password", "another-g00d-one")
	}
	wantKind(t, "guesses in a stolen session", err, liveblog.ErrTooMany)
}
