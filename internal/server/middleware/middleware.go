// Package middleware holds what every request passes before its route: the request's id, the
// log, recovery from panics, security headers, and the limits of size, time and rate.
package middleware

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
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

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// RequestID gives every request an id, the client's own if it is well formed, and notes the
// id and the client's address in the context.
func RequestID(c *gin.Context) {
	id := c.GetHeader("X-Request-Id")
	if !requestIDPattern.MatchString(id) {
		id = rand.Text()
	}
	c.Header("X-Request-Id", id)
	actor := liveblog.Actor{Principal: &liveblog.Principal{}, RequestID: id, Address: c.ClientIP()}
	c.Request = c.Request.WithContext(liveblog.WithActor(c.Request.Context(), actor))
	c.Next()
}

// DetectProxies logs, once each, the peers that forward requests of many clients and are not
// among the trusted networks.
func DetectProxies(trusted []netip.Prefix) gin.HandlerFunc {
	d := newProxyDetector(trusted)
	return func(c *gin.Context) {
		if forwarded := c.Request.Header.Get("X-Forwarded-For"); forwarded != "" {
			if peer, err := netip.ParseAddr(c.RemoteIP()); err == nil && d.proxy(peer.Unmap(), forwarded) {
				slog.WarnContext(c.Request.Context(), "a proxy that is not trusted forwards requests, so all its clients count as one for limits and "+
					"wrong passwords: if it is yours, name it in --trusted-proxies (DATELINE_TRUSTED_PROXIES)", "address", peer)
			}
		}
		c.Next()
	}
}

// Observer measures answered requests. Route is the pattern of the route, so that it has few
// values; it is "" for an address without a route.
type Observer interface {
	Request(method, route string, status int, took time.Duration)
}

// Log measures requests for the observer, which may be nil, and logs them. Requests of readers
// and requests that change nothing are logged at the debug level, since there are many of
// them, unless they fail with a status of the server's own.
func Log(observer Observer) gin.HandlerFunc {
	return func(c *gin.Context) {
		began := time.Now()
		c.Next()
		took, status := time.Since(began), c.Writer.Status()
		if observer != nil {
			observer.Request(c.Request.Method, c.FullPath(), status, took)
		}
		ctx := c.Request.Context()
		actor := liveblog.ActorOf(ctx)
		level := requestLevel(c.Request.Method, status, actor.Principal.Anonymous())
		if !slog.Default().Enabled(ctx, level) { // the attributes cost more than this check
			return
		}
		slog.Log(ctx, level, "request",
			"method", c.Request.Method, "path", c.Request.URL.Path, "status", status,
			"took", took.Round(time.Microsecond).String(), "bytes", max(c.Writer.Size(), 0),
			"principal", actor.Key(), "request_id", actor.RequestID)
	}
}

func requestLevel(method string, status int, anonymous bool) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	case anonymous || method == http.MethodGet || method == http.MethodHead:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// Recovery turns a panic into a 500 without details, and a log line with all of them.
func Recovery(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			ctx := c.Request.Context()
			slog.ErrorContext(ctx, "panic", "error", fmt.Sprint(r), "stack", string(debug.Stack()), "request_id", liveblog.ActorOf(ctx).RequestID)
			if !c.Writer.Written() {
				problem.Write(c, problem.Internal(ctx))
			}
		}
	}()
	c.Next()
}

// SecurityHeaders sets the headers that limit what a browser lets pages do: the product's own,
// and those of other sites with its answers.
func SecurityHeaders(c *gin.Context) {
	face := publicHeader
	switch private, shared := Private(c.Request), shared(c.Request.URL.Path); {
	case private && shared:
		face = apiHeader
	case private:
		face = privateHeader
	case shared:
		face = feedHeader
	}
	maps.Copy(c.Writer.Header(), face)
	c.Next()
}

// Private reports whether an address, mounted or not, belongs to the part of the product that
// shows different things to different people: the API and the editors' page. Cookies count
// there only, and its answers are not stored.
func Private(r *http.Request) bool {
	return r.URL.Path == "/admin" || strings.HasPrefix(r.URL.Path, "/admin/") || strings.HasPrefix(r.URL.Path, "/api/")
}

// shared reports whether pages of other sites may read the answers of an address, mounted or
// not: the API with its streams, feeds and images.
func shared(path string) bool {
	feed := strings.HasPrefix(path, "/b/") && (strings.HasSuffix(path, "/feed.atom") || strings.HasSuffix(path, "/feed.json"))
	return feed || strings.HasPrefix(path, "/api/v1/") || strings.HasPrefix(path, "/media/")
}

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
