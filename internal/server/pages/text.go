package pages

import (
	"net/url"
	"strconv"
	"strings"

	"dateline/internal/liveblog"

	"golang.org/x/net/html"
)

// maxDescription is the length of the description of a page, in runes.
const maxDescription = 200

// imageView is an image for cards on other sites.
type imageView struct {
	URL    string `json:"url"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	Alt    string `json:"caption,omitempty"`
	Type   string `json:"@type"`
}

// pageImage is the first image of the pinned post, else of the posts shown.
func (s *Site) pageImage(p *liveblog.Page) *imageView {
	if p.Pinned != nil {
		if found := s.imageOf(p.Pinned.HTML); found != nil {
			return found
		}
	}
	for i := range p.Posts {
		if found := s.imageOf(p.Posts[i].HTML); found != nil {
			return found
		}
	}
	return nil
}

// imageOf is the first image in sanitised HTML, nil if there is none.
func (s *Site) imageOf(source string) *imageView {
	if !strings.Contains(source, "<img") {
		return nil
	}
	z := html.NewTokenizer(strings.NewReader(source))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if token := z.Token(); token.Data == "img" && (kind == html.StartTagToken || kind == html.SelfClosingTagToken) {
			return s.newImage(token.Attr)
		}
	}
	return nil
}

func (s *Site) newImage(attributes []html.Attribute) *imageView {
	v := &imageView{Type: "ImageObject"}
	for _, a := range attributes {
		switch a.Key {
		case "src":
			v.URL = s.absolute(a.Val)
		case "alt":
			v.Alt = a.Val
		case "width":
			v.Width, _ = strconv.Atoi(a.Val)
		case "height":
			v.Height, _ = strconv.Atoi(a.Val)
		}
	}
	return v
}

// absolute makes a path a URL that works on other sites, if the public URL is known.
func (s *Site) absolute(path string) string {
	base := s.public
	ref, err := url.Parse(path)
	if base == nil || err != nil {
		return path
	}
	return (&url.URL{Scheme: base.Scheme, Host: base.Host}).ResolveReference(ref).String()
}

// rtlLanguages are those whose usual script runs from right to left.
var rtlLanguages = map[string]bool{
	"ar": true, "arc": true, "azb": true, "ckb": true, "dv": true, "fa": true, "he": true, "ks": true,
	"ps": true, "sd": true, "syr": true, "ug": true, "ur": true, "yi": true,
}

var rtlScripts = map[string]bool{"arab": true, "hebr": true, "thaa": true, "syrc": true, "nkoo": true, "adlm": true, "rohg": true}

// direction is the writing direction of a language tag (BCP 47): that of its
// script, if it names one.
func direction(tag string) string {
	parts := strings.Split(strings.ToLower(tag), "-")
	rtl := rtlLanguages[parts[0]]
	for _, part := range parts[1:] {
		if len(part) == 4 && part[0] > '9' {
			rtl = rtlScripts[part]
			break
		}
	}
	if rtl {
		return "rtl"
	}
	return "ltr"
}
