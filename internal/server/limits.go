package server

import (
	"errors"
	"io"
	"net/http"
	"time"

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
		writeProblem(c, newProblem(r.Context(), http.StatusRequestURITooLong, "uri_too_long", "the address has more than 8192 bytes"))
		return
	}
	if r.ContentLength == 0 {
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
