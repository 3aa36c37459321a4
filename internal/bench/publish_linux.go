package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"dateline/internal/apiclient"
	"dateline/internal/bench/scan"
)

// posters is how many connections publish at the same time, so that a paced
// stream of posts keeps its pace while commits take their time.
const posters = 8

// publisher makes messages that readers get.
type publisher interface {
	// head is the number of the newest event.
	head(ctx context.Context) (int64, error)
	// publish makes one message.
	publish(ctx context.Context) (answer, error)
	// lanes is how many may be made at the same time.
	lanes() int
}

// publishAll makes n messages, one each interval, or as fast as it goes.
func publishAll(ctx context.Context, p publisher, n int, interval time.Duration) ([]answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	due := make(chan int)
	answers := make([]answer, n)
	var lanes sync.WaitGroup
	for range min(p.lanes(), max(n, 1)) {
		lanes.Go(func() {
			for i := range due {
				a, err := p.publish(ctx)
				if err != nil {
					cancel(err)
				}
				answers[i] = a
			}
		})
	}
	schedule(ctx, due, n, interval)
	lanes.Wait()
	return answers, context.Cause(ctx)
}

// schedule gives out the numbers 0 to n-1 at their times, and closes due. Times are
// reckoned from the start, so that one late message doesn't delay the rest.
func schedule(ctx context.Context, due chan<- int, n int, interval time.Duration) {
	defer close(due)
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range n {
		timer.Reset(time.Until(begin.Add(time.Duration(i) * interval)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		select {
		case due <- i:
		case <-ctx.Done():
			return
		}
	}
}

// api publishes posts to a blog of Dateline.
type api struct {
	client  apiclient.Client
	slug    string
	payload int
}

func newAPI(url, token string, payload int) *api {
	http := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: posters}}
	return &api{client: apiclient.Client{URL: strings.TrimSuffix(url, "/") + "/api/v1", Token: token, HTTP: http}, payload: payload}
}

func (a *api) lanes() int { return posters }

// createBlog makes a blog of its own for the run.
func (a *api) createBlog(ctx context.Context) error {
	a.slug = "bench-" + time.Now().UTC().Format("20060102-150405")
	return a.do(ctx, http.MethodPost, "/blogs", map[string]any{"slug": a.slug, "title": "Bench", "unlisted": true}, nil)
}

// end ends the blog, so that nobody takes it for a live one.
func (a *api) end(ctx context.Context) error {
	return a.do(ctx, http.MethodPost, "/blogs/"+a.slug+"/end", nil, nil)
}

func (a *api) head(ctx context.Context) (int64, error) {
	var blog struct {
		LastSeq int64 `json:"last_seq"`
	}
	err := a.do(ctx, http.MethodGet, "/blogs/"+a.slug, nil, &blog)
	return blog.LastSeq, err
}

func (a *api) publish(ctx context.Context) (answer, error) {
	sent := now()
	title := fmt.Sprint(scan.Marker, sent)
	post := map[string]string{"title": title, "body": filler(a.payload - len(title)), "format": "text"}
	err := a.do(ctx, http.MethodPost, "/blogs/"+a.slug+"/posts", post, nil)
	return answer{sent, now()}, err
}

// filler is text of a size in bytes.
func filler(size int) string {
	const words = "The leaders come round the last corner side by side and nobody dares to look away. "
	return strings.TrimSpace(strings.Repeat(words, max(size, 0)/len(words)+1)[:max(size, 0)])
}

// do sends one request. Errors never hold the token.
func (a *api) do(ctx context.Context, method, path string, in, out any) error {
	r := apiclient.Request{Method: method, Path: path}
	if in != nil {
		r.Body = apiclient.JSON(in)
	}
	if err := a.client.Do(ctx, r, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// frameSize publishes a post and returns how many bytes its event has on the
// wire, as a reader without compression gets it.
func (a *api) frameSize(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	before, err := a.head(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := a.publish(ctx); err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/blogs/%s/stream?after=%d", a.client.URL, a.slug, before), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	res, err := a.client.HTTP.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	return eventSize(res.Body, fmt.Sprint("\nid: ", before+1, "\n"))
}

// eventSize reads a stream up to the event that holds a marker line, and
// returns the event's size with the blank line that ends it.
func eventSize(stream io.Reader, line string) (int, error) {
	var text []byte
	buffer := make([]byte, 4<<10)
	for {
		n, err := stream.Read(buffer)
		text = append(text, buffer[:n]...)
		for {
			event, rest, whole := bytes.Cut(text, []byte("\n\n"))
			if !whole {
				break
			}
			if bytes.Contains(event, []byte(line)) {
				return len(event) + 2, nil
			}
			text = rest
		}
		if err != nil {
			return 0, fmt.Errorf("the stream ended before the post came: %w", err)
		}
	}
}
