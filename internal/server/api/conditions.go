package api

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"dateline/internal/liveblog"
)

// etag is the strong validator of a version (RFC 9110, section 8.8.3).
func etag(version int64) string { return `"v` + strconv.FormatInt(version, 10) + `"` }

// ifMatch reads the version that a change is based on (RFC 9110, section 13.1.1). It is 0 for *,
// which only programs may send: a person would overwrite what a colleague wrote meanwhile.
func ifMatch(p *liveblog.Principal, header string) (int64, error) {
	header = strings.TrimSpace(header)
	switch {
	case header == "":
		return 0, liveblog.Errorf(liveblog.ErrVersionMissing, "if_match_required", `send If-Match with the ETag you read, such as "v3"`)
	case header == "*" && p.User == nil:
		return 0, nil
	}
	if header == "*" {
		return 0, liveblog.Errorf(liveblog.ErrInvalid, "bad_if_match", `If-Match: * is for programs with an API token; send the ETag you read, such as "v3"`)
	}
	number, ok := strings.CutPrefix(strings.Trim(header, `"`), "v")
	version, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || version < 1 || etag(version) != header {
		return 0, liveblog.Errorf(liveblog.ErrInvalid, "bad_if_match", `If-Match must be one ETag such as "v3"`)
	}
	return version, nil
}

var idempotencyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

// Idempotent is embedded in the input of operations that create something.
type Idempotent struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"16 to 128 of A-Z, a-z, 0-9, _ and -. Repeating a request with the same key is safe: it is answered as the first one was."`
}

// key joins the client's key with a hash of the request, so that a key which is used for
// another request is noticed.
func (i Idempotent) key(operation string, asked any) (liveblog.IdempotencyKey, error) {
	if i.IdempotencyKey == "" {
		return liveblog.IdempotencyKey{}, nil
	}
	if !idempotencyPattern.MatchString(i.IdempotencyKey) {
		return liveblog.IdempotencyKey{}, liveblog.Errorf(liveblog.ErrInvalid, "bad_idempotency_key", "Idempotency-Key must be 16 to 128 of A-Z, a-z, 0-9, _ and -")
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return liveblog.IdempotencyKey{}, fmt.Errorf("hash of the request: %w", err)
	}
	return liveblog.IdempotencyKey{Key: i.IdempotencyKey, Hash: sha256.Sum256(append([]byte(operation+"\n"), body...))}, nil
}
