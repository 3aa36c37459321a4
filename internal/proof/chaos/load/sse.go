package load

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"dateline/internal/proof/chaos/history"
	"dateline/internal/proof/eventsource"
	"dateline/internal/wait"
)

// stream opens one stream and reads it to its end, as EventSource does: the
// cursor is in the URL and, once an event came, in Last-Event-ID.
func (r *reader) stream(ctx context.Context) (why string) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := watch(r.Silence, func() { cancel(errSilent) })
	defer w.stop()
	res, err := r.get(ctx, "/stream?"+r.session, r.lastID)
	if err != nil {
		return reason(ctx, history.Refused)
	}
	defer res.Body.Close()
	if !r.accepts(res) {
		return history.Refused
	}
	p := eventsource.NewParser(w.listen(r.throttled(ctx, res.Body)))
	err = r.read(p)
	if ms := p.Retry(); ms != eventsource.NoRetry {
		r.retry = time.Duration(ms) * time.Millisecond
	}
	switch {
	case err == nil:
		return history.ByReader
	case errors.Is(err, io.EOF):
		return reason(ctx, history.ByServer)
	default:
		return reason(ctx, history.Broken)
	}
}

// accepts reports whether an answer is a stream. 204 says that the blog is over
// and that the reader has all of it.
func (r *reader) accepts(res *http.Response) bool {
	if res.StatusCode == http.StatusNoContent {
		r.over = true
		r.saw(history.Seen{Kind: history.End, Why: "204"})
	}
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return res.StatusCode == http.StatusOK && kind == "text/event-stream"
}

// read logs the events of a stream to its end; nil when the reader has to leave.
func (r *reader) read(p *eventsource.Parser) error {
	for !r.over {
		e, err := p.Next()
		if err != nil {
			return err
		}
		id := ""
		if e.HasID {
			id = e.ID
		}
		r.heard(e.Name, id, e.Data)
	}
	return nil
}

// throttled is the body as the reader takes it.
func (r *reader) throttled(ctx context.Context, body io.Reader) io.Reader {
	if r.How != Slow {
		return body
	}
	return &trickle{ctx: ctx, r: body, perSecond: r.BytesPerSecond}
}

// sips is how often a slow reader takes something, in a second.
const sips = 5

// trickle reads so many bytes a second.
type trickle struct {
	ctx       context.Context
	r         io.Reader
	perSecond int
}

func (t *trickle) Read(p []byte) (int, error) {
	if !wait.For(t.ctx, time.Second/sips) {
		return 0, t.ctx.Err()
	}
	return t.r.Read(p[:min(len(p), max(1, t.perSecond/sips))])
}

// watchdog barks when nothing was heard for a while.
type watchdog struct {
	limit time.Duration
	bark  func()
	heard atomic.Int64 // Unix nanoseconds
	timer *time.Timer
}

func watch(limit time.Duration, bark func()) *watchdog {
	w := &watchdog{limit: limit, bark: bark}
	w.heard.Store(time.Now().UnixNano())
	w.timer = time.AfterFunc(limit, w.look)
	return w
}

// look barks or comes back when the time may be over.
func (w *watchdog) look() {
	left := w.limit - time.Since(time.Unix(0, w.heard.Load()))
	if left <= 0 {
		w.bark()
		return
	}
	w.timer.Reset(left)
}

func (w *watchdog) stop() { w.timer.Stop() }

// listen lets the watchdog hear what is read.
func (w *watchdog) listen(r io.Reader) io.Reader { return &listened{r, w} }

type listened struct {
	io.Reader
	by *watchdog
}

func (l *listened) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.by.heard.Store(time.Now().UnixNano())
	}
	return n, err
}
