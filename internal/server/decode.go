package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"dateline/internal/liveblog"

	"github.com/danielgtaylor/huma/v2"
)

// decodeStrict reads exactly one JSON document without fields that v does not know.
func decodeStrict(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &liveblog.Problem{Err: errBadRequest, Code: "bad_json", Detail: "the body is not the JSON that was expected"}
	}
	if _, err := d.Token(); err != io.EOF {
		return &liveblog.Problem{Err: errBadRequest, Code: "bad_json", Detail: "there is something after the JSON document"}
	}
	return nil
}

var errNotUTF8 = errors.New("the body is not UTF-8")

// jsonFormat is huma's, but it refuses text that is not UTF-8 (RFC 8259, section
// 8.1), where encoding/json would store another character without a word.
func jsonFormat() huma.Format {
	f := huma.DefaultJSONFormat
	f.Unmarshal = func(data []byte, v any) error {
		if !utf8.Valid(data) {
			return errNotUTF8
		}
		return huma.DefaultJSONFormat.Unmarshal(data, v)
	}
	return f
}
