package operation

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/danielgtaylor/huma/v2"
)

// maxNesting is how deep the arrays and objects of a body may be nested; the API needs three.
const maxNesting = 20

// Decode reads exactly one JSON document without fields that v does not know.
func Decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := errors.Join(unambiguous(body), d.Decode(v)); err != nil {
		return &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_json", Detail: "the body is not the JSON that was expected"}
	}
	if _, err := d.Token(); err != io.EOF {
		return &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_json", Detail: "there is something after the JSON document"}
	}
	return nil
}

var (
	errNotUTF8 = errors.New("the body is not UTF-8")
	errTwice   = errors.New("a name comes twice in one object")
	errNested  = errors.New("the body is nested too deeply")
)

// jsonFormat is huma's format, but it refuses what encoding/json would read differently from
// other programs.
func jsonFormat() huma.Format {
	f := huma.DefaultJSONFormat
	f.Unmarshal = func(data []byte, v any) error {
		if err := unambiguous(data); err != nil {
			return err
		}
		return huma.DefaultJSONFormat.Unmarshal(data, v)
	}
	return f
}

// unambiguous refuses JSON that programs read differently (RFC 8259, sections 4,
// 8.1 and 9): text that is not UTF-8, a name twice in one object, deep nesting.
// Its syntax is left to the decoder that follows.
func unambiguous(data []byte) error {
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // a number may be too large for its field, which is another error
	err := checkValue(d, 0)
	if errors.Is(err, errTwice) || errors.Is(err, errNested) {
		return err
	}
	return nil
}

// checkValue reads one value.
func checkValue(d *json.Decoder, depth int) error {
	start, err := d.Token()
	if err != nil || start != json.Delim('{') && start != json.Delim('[') {
		return err
	}
	if depth == maxNesting {
		return errNested
	}
	names := map[json.Token]bool{}
	for d.More() {
		if start == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if names[name] {
				return errTwice
			}
			names[name] = true
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end
	return err
}
