package server

import (
	"bytes"
	"encoding/json"
	"io"

	"dateline/internal/liveblog"
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
