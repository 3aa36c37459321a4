package liveblog

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Media is an uploaded image. Its variants are immutable.
type Media struct {
	ID        uuid.UUID
	Alt       string
	Caption   string
	Credit    string
	Width     int
	Height    int
	Color     string // average colour, "#rrggbb": shown while the image loads
	Variants  []Variant
	BlogID    *uuid.UUID // the blog whose editors may change it; nil is none
	CreatedBy *uuid.UUID
	CreatedAt time.Time
}

// Variant is one size of an image.
type Variant struct {
	Width  int
	Height int
	Type   string // media type
	Key    string // SHA-256 of the bytes, hex: its name in the store
	Size   int64  // bytes
}

// MediaPatch is a change of the texts of an image. Fields that are nil stay as they are.
type MediaPatch struct {
	Alt     *string
	Caption *string
	Credit  *string
}

// Normalize converts the given texts to the form in which they are stored. Texts that break
// a rule are ErrInvalid.
func (p *MediaPatch) Normalize() error {
	var m Media
	texts := map[*string]**string{&m.Alt: &p.Alt, &m.Caption: &p.Caption, &m.Credit: &p.Credit}
	for to, from := range texts {
		if *from != nil {
			*to = **from
		}
	}
	m.Normalize()
	for to, from := range texts {
		if *from != nil {
			*from = to
		}
	}
	return m.Validate()
}

// Limits of the texts of an image, in runes.
const (
	MaxAlt     = 1000
	MaxCaption = 1000
	MaxCredit  = 200
)

// Validate reports every field that breaks a rule, as one ErrInvalid.
func (m *Media) Validate() error {
	var f fieldErrors
	f.add(between(m.Alt, 0, MaxAlt), "body.alt", "must have at most %d characters", MaxAlt)
	f.add(between(m.Caption, 0, MaxCaption), "body.caption", "must have at most %d characters", MaxCaption)
	f.add(between(m.Credit, 0, MaxCredit), "body.credit", "must have at most %d characters", MaxCredit)
	for location, text := range map[string]string{"body.alt": m.Alt, "body.caption": m.Caption, "body.credit": m.Credit} {
		f.add(utf8.ValidString(text) && !strings.ContainsRune(text, 0), location, "must be valid UTF-8 without NUL")
	}
	return f.err()
}

// Normalize converts the texts to the form in which they are stored: one line each.
func (m *Media) Normalize() {
	m.Alt = oneLine(m.Alt)
	m.Caption = oneLine(m.Caption)
	m.Credit = oneLine(stripBidi(m.Credit))
}

// Name returns the name of the variant in URLs: its width and the extension of its type.
func (v Variant) Name() string {
	ending := map[string]string{"image/jpeg": "jpg", "image/png": "png"}[v.Type]
	return strconv.Itoa(v.Width) + "." + ending
}

// URL returns the path of a variant.
func (m *Media) URL(v Variant) string { return "/media/" + m.ID.String() + "/" + v.Name() }

// defaultWidth, in pixels, is for places that name only one variant.
const defaultWidth = 800

// Default returns the widest variant of at most 800 pixels, or otherwise the narrowest.
func (m *Media) Default() Variant {
	var best Variant
	for i, v := range m.Variants {
		fits, bestFits := v.Width <= defaultWidth, best.Width <= defaultWidth
		if i == 0 || fits && (!bestFits || v.Width > best.Width) || !fits && !bestFits && v.Width < best.Width {
			best = v
		}
	}
	return best
}

// Blob is the bytes of one variant, as they are stored.
type Blob struct {
	Key  string // SHA-256 of Data, hex
	Type string // media type
	Data []byte
}
