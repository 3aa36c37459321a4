package middleware

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dateline/internal/server/problem"

	"github.com/gin-gonic/gin"
)

// lonely gives a server one connection, which has the clock of the test.
type lonely struct {
	conn chan net.Conn
	done chan struct{}
}

func (o lonely) Accept() (net.Conn, error) {
	select {
	case c := <-o.conn:
		return c, nil
	case <-o.done:
		return nil, net.ErrClosed
	}
}

func (o lonely) Close() error   { close(o.done); return nil }
func (o lonely) Addr() net.Addr { return &net.UnixAddr{} }

// converse runs f at the client's end of a connection to a server with the
// limits and one route.
func converse(t *testing.T, handler gin.HandlerFunc, f func(t *testing.T, c net.Conn, answers *bufio.Reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		engine := gin.New()
		engine.Use(RequestID, LimitRequest)
		engine.Any("/", handler)
		here, there := net.Pipe()
		l := lonely{make(chan net.Conn, 1), make(chan struct{})}
		l.conn <- there
		s := &http.Server{Handler: engine}
		go func() { _ = s.Serve(l) }()
		f(t, here, bufio.NewReader(here))
		_, _ = here.Close(), s.Close()
	})
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func readAll(c *gin.Context) {
	if _, err := io.ReadAll(c.Request.Body); err != nil {
		c.String(http.StatusRequestTimeout, "late")
		return
	}
	select {
	case <-time.After(5 * bodyTime):
		c.String(http.StatusOK, "whole")
	case <-c.Request.Context().Done():
		c.String(http.StatusTeapot, "gone")
	}
}

func TestLimits_BodiesHaveATime(t *testing.T) {
	for _, test := range []struct{ name, head, body, want string }{
		{"whole", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "abcd", "200"},
		{"cut", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "abc", "408"},
		{"none", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", "", "200"},
		{"never ending", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", "408"},
	} {
		t.Run(test.name, func(t *testing.T) {
			converse(t, readAll, func(t *testing.T, c net.Conn, answers *bufio.Reader) {
				began := time.Now()
				say(t, c, test.head+test.body)
				line, err := answers.ReadString('\n')
				if took := time.Since(began); err != nil || !strings.Contains(line, test.want) || test.want == "408" && took != bodyTime {
					t.Errorf("%q after %v: %v", line, took, err)
				}
			})
		})
	}
}

// What is not asked to read a body must not wait for it: neither before the
// answer nor, without end, after it.
func TestLimits_UnreadBodies(t *testing.T) {
	answer := func(c *gin.Context) { c.String(http.StatusOK, "here") }
	for _, method := range []string{"GET", "HEAD", "POST"} {
		t.Run(method, func(t *testing.T) {
			converse(t, answer, func(t *testing.T, c net.Conn, answers *bufio.Reader) {
				began := time.Now()
				say(t, c, method+" / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
				line, err := answers.ReadString('\n')
				if took := time.Since(began); err != nil || !strings.Contains(line, "200") || method != "POST" && took > 0 {
					t.Errorf("%q after %v: %v", line, took, err)
				}
				_, err = io.Copy(io.Discard, answers)
				if took := time.Since(began); err != nil || took > bodyTime+time.Second {
					t.Errorf("the connection was closed after %v: %v", took, err)
				}
			})
		})
	}
}

func TestLimits_LongAddress(t *testing.T) {
	answer := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	for n, want := range map[int]int{maxURL: http.StatusNoContent, maxURL + 1: http.StatusRequestURITooLong} {
		converse(t, answer, func(t *testing.T, c net.Conn, answers *bufio.Reader) {
			say(t, c, "GET /?"+strings.Repeat("x", n-2)+" HTTP/1.1\r\nHost: x\r\n\r\n")
			res, err := http.ReadResponse(answers, nil)
			if err != nil || res.StatusCode != want {
				t.Fatal(n, res, err)
			}
			var p problem.Problem
			if want >= 400 && (json.NewDecoder(res.Body).Decode(&p) != nil || p.Code != "uri_too_long") {
				t.Errorf("%+v", p)
			}
		})
	}
}

// After a request whose end others may see elsewhere nothing is taken from its
// connection: what looks like the next request may be the rest of its body.
func TestLimits_DoubtfulFramingEndsTheConnection(t *testing.T) {
	answer := func(c *gin.Context) {
		_, _ = io.Copy(io.Discard, c.Request.Body)
		c.String(http.StatusOK, "here")
	}
	const next = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, test := range []struct {
		name, request string
		closed        bool
	}{
		{"a length and chunks", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", true},
		{"chunks and a length", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n", true},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na", true},
		{"a length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", false},
		{"no body", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			converse(t, answer, func(t *testing.T, c net.Conn, answers *bufio.Reader) {
				go func() { _, _ = io.WriteString(c, test.request+next) }()
				res, err := http.ReadResponse(answers, nil)
				if err != nil || res.StatusCode != http.StatusOK || res.Close != test.closed {
					t.Fatalf("%+v, %v", res, err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_, err = http.ReadResponse(answers, nil)
				if closed := err != nil; closed != test.closed {
					t.Errorf("the next request was answered: %v", !closed)
				}
			})
		})
	}
}
