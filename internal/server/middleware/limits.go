package middleware

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

const (
	// maxURL is the length of a request's address, in bytes.
	maxURL = 8 << 10
	// bodyTime is how long a body may take to arrive where an operation sets no time of its own,
	// also that of a request whose body is not read.
	bodyTime = 10 * time.Second
)

// LimitRequest limits what a request may cost before anything looks at it: the length of its
// address, and the time of its body. Without a time, net/http would wait for an unread body
// without end after the answer.
func LimitRequest(c *gin.Context) {
	r := c.Request
	if len(r.RequestURI) > maxURL {
		c.Header("Connection", "close")
		problem.Write(c, problem.New(r.Context(), http.StatusRequestURITooLong, "uri_too_long", "the address has more than 8192 bytes"))
		return
	}
	if faultyFraming(r) {
		c.Header("Connection", "close")
	}
	if r.ContentLength == 0 {
		return
	}
	if err := readableBody(r); err != nil {
		c.Header("Connection", "close") // it is not read
		problem.Fail(c, err)
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		c.Header("Connection", "close") // answered at once, a stream above all
	}
	control := http.NewResponseController(c.Writer)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // tests have no connection
	c.Request = r.WithContext(r.Context())
	c.Request.Body = &timedBody{r.Body, control}
}

// faultyFraming reports whether a proxy may see the end of the request at another place than
// net/http does: after such a request nothing on its connection can be trusted (RFC 9112,
// section 6.1). net/http hides whether a length came beside the chunks, and that a request
// in HTTP/1.0 had chunks.
func faultyFraming(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 || r.ProtoMajor == 1 && r.ProtoMinor == 0
}

// readableBody refuses a body that would be misread: one that is compressed, or text in
// another encoding than UTF-8.
func readableBody(r *http.Request) error {
	for _, coding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return liveblog.Errorf(liveblog.ErrMediaType, "unsupported_media_type", "send the body without Content-Encoding")
		}
	}
	return OnlyUTF8(r.Header.Values("Content-Type"))
}

// OnlyUTF8 returns ErrMediaType if one of the media types names another character encoding
// than UTF-8.
func OnlyUTF8(contentTypes []string) error {
	for _, t := range contentTypes {
		_, params, err := mime.ParseMediaType(t)
		charset, named := params["charset"]
		if err != nil { // as when it is named twice
			named = strings.Contains(strings.ToLower(t), "charset")
		}
		if named && !strings.EqualFold(charset, "utf-8") {
			return liveblog.Errorf(liveblog.ErrMediaType, "unsupported_media_type", "send text in UTF-8")
		}
	}
	return nil
}

// timedBody removes the deadline when all of a body has arrived. The deadline is the
// connection's, which net/http watches while a request runs: a handler that works for longer
// would find its context cancelled.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{}) // as above
	}
	return n, err
}
