package server_test

import (
	"net/http"
	"testing"
)

// An anonymous client is asked to sign in, not what is wrong with a body that was read
// and checked for nothing.
func TestAccess_StrangersComeBeforeTheBody(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	for _, body := range []string{"", "{", `{}`, `{"nonsense":1}`, `{"slug":"new-blog","title":"New"}`} {
		if w := d.browser().do(http.MethodPost, "/api/v1/blogs", body); w.Code != http.StatusUnauthorized || field(t, w, "code") != "not_signed_in" {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestBody_MustBeUTF8(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "http://live.example.org")
	c := d.signedIn(t, adminEmail)
	w := c.do(http.MethodPost, "/api/v1/blogs", "{\"slug\":\"new-blog\",\"title\":\"a\xffb\"}")
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
