package api

import (
	"bytes"
	"errors"
	"mime/multipart"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/google/uuid"
)

// only reports whether s has some characters and no others than those of set.
func only(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

const (
	digits   = "0123456789"
	letters  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	keyBytes = letters + digits + "_-"
)

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
