package listen

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

// pipeListener gives a server one connection in memory, which has the clock of
// the test.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error   { close(l.closed); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{} }

// A client that requests a picture and takes no byte of it does not hold its
// connection for ever.
func TestServer_ClosesClientsThatTakeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		s := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 1<<20))
			failed <- err
		}))
		l := pipeListener{make(chan net.Conn, 1), make(chan struct{})}
		here, there := net.Pipe()
		l.conns <- there
		go func() { _ = s.Serve(l) }()
		if _, err := io.WriteString(here, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; err == nil {
			t.Error("all was written, though the client read nothing")
		}
		_, _ = here.Close(), s.Close()
	})
}

// A draining node closes its connections after a response, not before one.
func TestCloseOnDrain_ClosesAfterResponses(t *testing.T) {
	t.Parallel()
	for _, draining := range []bool{false, true} {
		s := httptest.NewServer(CloseOnDrain(http.NotFoundHandler(), func() bool { return draining }))
		res, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if res.Close != draining {
			t.Errorf("draining %t: the connection closes: %t", draining, res.Close)
		}
		s.Close()
	}
}
