package server

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
	// maxURL bounds the address of a request, in bytes.
	maxURL = 8 << 10
	// bodyTime is how long a body may take to arrive where an operation does not
	// say so itself: also that of a request which nobody reads.
	bodyTime = 10 * time.Second
)

// limitRequest bounds what a request may cost before anybody looks at it. A body
// that nobody reads would else be waited for without end, by net/http, when the
// answer is written.
func limitRequest(c *gin.Context) {
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
		problem.Write(c, problem.Of(r.Context(), err))
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

// faultyFraming reports whether somebody between the client and us may see the end
// of the request elsewhere than we do: after it nothing on its connection can be
// trusted (RFC 9112, section 6.1). net/http hides whether a length came beside the
// chunks, and that a request in HTTP/1.0 had chunks.
func faultyFraming(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 || r.ProtoMajor == 1 && r.ProtoMinor == 0
}

// readableBody refuses a body that would be taken for something else than it is:
// one that is compressed, or text in another encoding than UTF-8.
func readableBody(r *http.Request) error {
	for _, coding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return liveblog.Errorf(liveblog.ErrMediaType, "unsupported_media_type", "send the body without Content-Encoding")
		}
	}
	return onlyUTF8(r.Header.Values("Content-Type"))
}

// onlyUTF8 refuses the names of other character encodings.
func onlyUTF8(contentTypes []string) error {
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

// timedBody lifts the deadline when all of a body is there. It is that of the
// connection, which net/http watches while a request runs: a handler that works
// for longer would be told that its client is gone.
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
