package follow

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dateline/internal/server/problem"
)

// only reports whether s has some characters and no others than those of set.
func only(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

const (
	digits   = "0123456789"
	letters  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	keyBytes = letters + digits + "_-"
)

// A place in the stream is the number that a reader named, or it is said to be
// none: never another number, and never by accident the beginning.
func FuzzPosition(f *testing.F) {
	for _, header := range []string{"", "0", "7", "-1", "+1", " 1", "007", "1e3", "0x10", "1_000", "999999999999999999", "9999999999999999999", "\u0661", "1\x00", "1\n", "7.9f2c31aa07d4e58b", "7.9f2c31aa07d4e58", "7.", "7.9F2c31aa07d4e58b"} {
		f.Add(header, "after=41&epoch=one")
		f.Add("", "after="+url.QueryEscape(header)+"&epoch=%ff%00")
	}
	f.Add("", "after=1&after=2;epoch=x&%zz")
	f.Add("", "after=1&after=1&after=2")
	f.Fuzz(func(t *testing.T, header, query string) {
		r := &http.Request{Header: http.Header{"Last-Event-Id": {header}}, URL: &url.URL{RawQuery: query}}
		values, broken := url.ParseQuery(query)
		for name := range values {
			if slices.Contains(lastIDNames, name) || folded(name) == "chain" || checkNames(values) != nil {
				return // TestPosition has a table of these
			}
		}
		text, given, agree := header, header != "", true
		if !given {
			text, given = values.Get("after"), values.Has("after") || broken != nil
			agree = !slices.ContainsFunc(values["after"], func(other string) bool { return other != text })
		}
		text, chain, isReceipt := strings.Cut(text, ".")
		valid := agree && len(text) <= 18 && only(text, digits) && (!isReceipt || len(chain) == 16 && only(chain, "0123456789abcdef"))
		p, err := position(r)
		if err != nil || p.HasAfter != valid || p.Invalid != (given && !valid) || valid && string(p.Chain) != chain {
			t.Errorf("%q is understood as %+v, %v", text, p, err)
		}
		if epoch := oneOf(values["epoch"]); p.Epoch != epoch && (p.Epoch != "" || header == "" || !isReceipt) {
			t.Errorf("the epoch of %q is understood as %q", query, p.Epoch)
		}
		if number := strings.TrimLeft(text, "0"); p.HasAfter && strconv.FormatInt(p.After, 10) != number && (p.After != 0 || number != "") {
			t.Errorf("%q is understood as %d", text, p.After)
		}
	})
}

// A beacon counts whole or is refused as the client's fault.
func FuzzBeacon(f *testing.F) {
	id := `"0190a000-0000-7000-8000-000000000000"`
	for _, body := range []string{
		`{"token":"0123456789abcdef","posts":[` + id + `]}`, `{"token":"x"}`, `{}`, `null`, `[]`, ``, `{"token":"0123456789abcdef","posts":["x"]}`,
		`{"token":"0123456789abcdef"} {}`, `{"TOKEN":"0123456789abcdef"}`, `{"token":"0123456789abcdef","posts":null,"x":1}`,
		`{"token":"0123456789abcdef","posts":[` + strings.Repeat(id+",", 50) + id + `]}`, "{\"token\":\"0123456789abcde\xff\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, posts, err := readBeacon(body)
		if err != nil && !errors.Is(err, problem.ErrBadRequest) {
			t.Errorf("%q: error of another kind: %v", body, err)
		}
		if err == nil && (len(posts) > maxViewed || len(token) < 16 || len(token) > 64 || !only(token, keyBytes) || !bytes.Contains(body, []byte(`"`))) {
			t.Errorf("%q was taken as %q %v", body, token, posts)
		}
	})
}
