package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"dateline/internal/proof/chaos/history"
)

// lookTime is how long a reader that never read looks, in the end, whether
// the server had given it up.
const lookTime = 2 * time.Second

// stare opens a stream and reads nothing until ctx ends. Only then it looks
// whether the server closed the connection meanwhile: looking is reading.
func (r *reader) stare(ctx context.Context) (why string) {
	conn, err := r.knock(ctx)
	if err != nil {
		return reason(ctx, history.Refused)
	}
	defer conn.Close()
	<-ctx.Done()
	if err := conn.SetReadDeadline(time.Now().Add(lookTime)); err != nil {
		return history.Broken
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		return history.ByReader
	}
	return history.ByServer
}

// knock sends the request for a stream on a connection of its own.
func (r *reader) knock(ctx context.Context) (net.Conn, error) {
	base, err := url.Parse(r.route.url())
	if err != nil {
		return nil, err
	}
	conn, err := smallBuffers(r.ReceiveBuffer).DialContext(ctx, "tcp", base.Host)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.route.url()+"/api/v1/blogs/"+r.Blog+"/stream?"+r.query(), http.NoBody)
	if err == nil {
		forwardedFor(req.Header, r.Address)
		err = req.Write(conn)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
