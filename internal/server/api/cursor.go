package api

import (
	"encoding/base64"
	"encoding/json"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"
)

// maxCursor is the length of a cursor, in bytes.
const maxCursor = 256

// encodeCursor makes the opaque text by which a client asks for the next page.
func encodeCursor(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("api: cursors are always encodable: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeCursor reads a cursor into v; "" leaves v alone.
func decodeCursor(text string, v any) error {
	if text == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > maxCursor || json.Unmarshal(b, v) != nil {
		return &liveblog.Problem{Err: problem.ErrBadRequest, Code: "bad_cursor", Detail: "cursor must be next_cursor of an earlier answer"}
	}
	return nil
}
