package server

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
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

// Whatever a client makes of a cursor, it is refused or gives one place, and
// what we give out leads back to where it was made.
func FuzzCursor(f *testing.F) {
	at := time.Date(2026, 11, 21, 15, 0, 0, 123456000, time.UTC)
	f.Add(encodeCursor(postCursor{Position: 7}), int64(7), at.UnixMicro())
	f.Add(encodeCursor(blogCursor{at, uuid.Max}), int64(-1), int64(0))
	for _, text := range []string{"x", "e30", "e30=", "bnVsbA", "W10", "eyJwIjoxZTN9", "eyJwIjotMX0", "eyJjIjoiMDAwMC0wMS0wMVQwMDowMDowMFoifQ", strings.Repeat("A", 300), "\n\n\n\n"} {
		f.Add(text, int64(1)<<62, int64(1)<<50)
	}
	f.Fuzz(func(t *testing.T, text string, position, micros int64) {
		checkCursor(t, text, postCursor{Position: position})
		if at := time.UnixMicro(micros).UTC(); at.Year() >= 1 && at.Year() <= 9999 {
			checkCursor(t, text, postCursor{Changed: at})
			checkCursor(t, text, blogCursor{at, uuid.NewSHA1(uuid.Nil, []byte(text))})
		}
	})
}

func checkCursor[C comparable](t *testing.T, text string, ours C) {
	t.Helper()
	var back, read, unread C
	if err := decodeCursor(encodeCursor(ours), &back); err != nil || back != ours || len(encodeCursor(ours)) > maxCursor {
		t.Errorf("%+v came back as %+v: %v", ours, back, err)
	}
	err := decodeCursor(text, &read)
	if err != nil && !errors.Is(err, problem.ErrBadRequest) {
		t.Errorf("%q: error of another kind: %v", text, err)
	}
	if err == nil && (len(text) > maxCursor || text == "" && read != unread) {
		t.Errorf("%q was taken", text)
	}
}

// A change is based on exactly one version, and each version has one spelling.
func FuzzIfMatch(f *testing.F) {
	for _, header := range []string{"", "*", `"v1"`, ` "v12" `, `W/"v1"`, `v1`, `"v01"`, `"v+1"`, `"v0"`, `"v-1"`, `"v1", "v2"`, `""v1""`, `"v9223372036854775808"`, "\"v1\"\x00"} {
		f.Add(header, true)
		f.Add(header, false)
	}
	program, person := &liveblog.Principal{TokenID: "t"}, &liveblog.Principal{User: &liveblog.User{}}
	f.Fuzz(func(t *testing.T, header string, isPerson bool) {
		p, text := program, strings.TrimSpace(header)
		if isPerson {
			p = person
		}
		version, err := ifMatch(p, header)
		switch {
		case err != nil && !errors.Is(err, liveblog.ErrInvalid) && !errors.Is(err, liveblog.ErrVersionMissing):
			t.Errorf("%q: error of another kind: %v", header, err)
		case errors.Is(err, liveblog.ErrVersionMissing) != (text == ""):
			t.Errorf("%q: %v", header, err)
		case err == nil && version == 0 && (text != "*" || isPerson):
			t.Errorf("%q changes any version", header)
		case err == nil && version != 0 && (version < 0 || text != `"v`+strconv.FormatInt(version, 10)+`"`):
			t.Errorf("%q is understood as %d", header, version)
		}
	})
}

// The same key with anything else asked is noticed, and a key is taken as it is
// or not at all.
func FuzzIdempotencyKey(f *testing.F) {
	f.Add("a-key-of-16-byte", "cup-final", "Goal!", "cup-final", "Goal?")
	f.Add(strings.Repeat("k", 129), "a", "b\nc", "a\nb", "c")
	f.Add("a-key-of-16-byt\n", "a", "", "a", "\x00")
	f.Fuzz(func(t *testing.T, key, slug, title, otherSlug, otherTitle string) {
		i := Idempotent{IdempotencyKey: key}
		one, err := i.key("create-post "+slug, createPostBody{Title: title})
		valid := len(key) >= 16 && len(key) <= 128 && only(key, keyBytes)
		if (err == nil) != (valid || key == "") || err == nil && one.Key != key {
			t.Errorf("%q: %+v %v", key, one, err)
		}
		if !valid || !liveblog.ValidSlug(slug) || !liveblog.ValidSlug(otherSlug) {
			return
		}
		other, err := i.key("create-post "+otherSlug, createPostBody{Title: otherTitle})
		clean := strings.ToValidUTF8(title, "\ufffd") == strings.ToValidUTF8(otherTitle, "\ufffd")
		if same := slug == otherSlug && clean; err != nil || !same && one.Hash == other.Hash && title != otherTitle || title == otherTitle && slug == otherSlug && one != other {
			t.Errorf("%q %q and %q %q: %v", slug, title, otherSlug, otherTitle, err)
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

// Only the proxies that the operator named are believed, and of what they say
// only the part that they saw themselves.
func FuzzClientAddress(f *testing.F) {
	f.Add("203.0.113.9:1234", "198.51.100.1", "")
	f.Add("10.0.0.1:80", "198.51.100.1, 10.9.9.9", "")
	f.Add("10.0.0.1:80", "198.51.100.1", "192.0.2.7, 10.0.0.2")
	f.Add("[fd00::1]:80", "::ffff:198.51.100.1", "x")
	f.Add("10.0.0.1:80", "198.51.100.1:443", "[2001:db8::1]")
	f.Add("10.0.0.1:80", "fe80::1%eth0", ",,")
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	s := &Server{options: Options{TrustedProxies: proxies}}
	setGlobals()
	if err := s.newEngine(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		c := gin.CreateTestContextOnly(httptest.NewRecorder(), s.engine)
		c.Request = &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {first, second}}}
		peer, got := c.RemoteIP(), c.ClientIP()
		if addressOf(got) == addressOf(peer) || got == "" && strings.Contains(peer, "%") {
			return // who is no address, or one of a link, counts with all others of that kind
		}
		believed := strings.Split(first+","+second, ",")
		at := slices.IndexFunc(believed, func(x string) bool { return strings.TrimSpace(x) == got })
		if !trusted(proxies, peer) || at < 0 || !addressOf(got).IsValid() {
			t.Fatalf("from %q with %q and %q: %q", remote, first, second, got)
		}
		if trusted(proxies, got) && at != 0 {
			t.Errorf("from %q with %q and %q: %q, a proxy", remote, first, second, got)
		}
	})
}

func addressOf(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a.Unmap()
}

func trusted(proxies []netip.Prefix, text string) bool {
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(addressOf(text)) })
}

// The name of an uploaded file, whatever it is, changes nothing; and no form of
// any bytes is more than refused.
func FuzzUpload(f *testing.F) {
	f.Add("photo.jpg", "alt text", []byte("\xff\xd8\xff"), []byte("--x--"))
	f.Add("../../etc/passwd", "\x00", []byte("a\r\n--x--\r\n"), []byte("--x\r\nContent-Disposition: form-data; name=file\r\n\r\nd\r\n--x--"))
	f.Add("a\"b;c\r\nd", "", []byte{}, []byte("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../x\"\r\n\r\n\r\n--x"))
	f.Add(strings.Repeat("../", 2000), strings.Repeat("a", uploadText+1), []byte("x"), []byte("--x\r\n\r\n\r\n--x--"))
	f.Fuzz(func(t *testing.T, name, alt string, data, raw []byte) {
		kind, body := formWith(t, name, alt, data)
		up, err := readUpload(kind, body)
		odd := strings.ContainsFunc(name, unicode.IsControl) // is no header, which may be refused
		refused := odd && errors.Is(err, liveblog.ErrInvalid)
		if wanted := len(data) > 0 && len(alt) <= uploadText; (err == nil) != wanted && !refused {
			t.Errorf("a file called %q of %d bytes: %v", name, len(data), err)
		}
		if err == nil && (!bytes.Equal(up.file, data) || up.media.Alt != alt) {
			t.Errorf("a file called %q became %q %q", name, up.file, up.media.Alt)
		}
		checkForm(t, raw)
	})
}

func formWith(t *testing.T, name, alt string, data []byte) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(data) // into memory
	if err := errors.Join(w.WriteField("alt", alt), w.Close()); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func checkForm(t *testing.T, raw []byte) {
	t.Helper()
	up, err := readUpload("multipart/form-data; boundary=x", raw)
	if err == nil && (len(up.file) == 0 || !bytes.Contains(raw, up.file)) {
		t.Errorf("%q has the file %q", raw, up.file)
	}
	if err != nil && !errors.Is(err, liveblog.ErrInvalid) && !errors.Is(err, liveblog.ErrTooLarge) && !errors.Is(err, liveblog.ErrMediaType) {
		t.Errorf("%q: error of another kind: %v", raw, err)
	}
}

// oneImage is a store with one picture. It knows the blobs of that and notes
// for which it was asked.
type oneImage struct {
	MediaStore
	media liveblog.Media
	asked string
}

func (o *oneImage) Media(context.Context, []uuid.UUID) (map[uuid.UUID]*liveblog.Media, error) {
	return map[uuid.UUID]*liveblog.Media{o.media.ID: &o.media}, nil
}

func (o *oneImage) Blob(_ context.Context, key string) ([]byte, error) {
	o.asked = key
	return []byte(key), nil
}

// A picture has as many addresses as sizes, twice over; nothing else reaches the
// place where the files are.
func FuzzImageName(f *testing.F) {
	store := &oneImage{media: liveblog.Media{ID: testID(1), Variants: []liveblog.Variant{
		{Width: 400, Type: "image/jpeg", Key: strings.Repeat("4", 64)}, {Width: 800, Type: "image/png", Key: strings.Repeat("8", 64)},
	}}}
	names := []string{"400", "400.jpg", "800", "800.png"}
	for _, name := range append(names, "400.png", "0400", "..%2f400", "400.jpg\x00", "../../x", "", "99999", strings.Repeat("4", 64)) {
		f.Add(store.media.ID.String(), name)
	}
	f.Add("{"+store.media.ID.String()+"}", "400")
	f.Add(strings.ToUpper(uuid.Max.String()), "400")
	s := &Server{media: store}
	f.Fuzz(func(t *testing.T, id, name string) {
		store.asked = ""
		img, err := s.loadImage(t.Context(), id, name)
		if wanted := id == store.media.ID.String() && slices.Contains(names, name); wanted != (err == nil) || wanted != (store.asked != "") {
			t.Errorf("%q %q: %v, asked for %q", id, name, err, store.asked)
		}
		if err == nil && (store.asked[:1] != name[:1] || img.kind != map[string]string{"4": "image/jpeg", "8": "image/png"}[name[:1]]) {
			t.Errorf("%q is %q of %s", name, store.asked, img.kind)
		}
	})
}
