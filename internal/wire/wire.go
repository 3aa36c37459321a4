// Package wire holds the JSON that leaves the house: posts, blogs and events, one type
// each, shared by the API, the stream and the pages.
package wire

import (
	"bytes"
	"encoding/json"
)

// Marshal encodes v as one line of JSON. It leaves < and > as they are, half of the
// bytes of HTML in JSON otherwise: what it writes is never read as HTML.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
