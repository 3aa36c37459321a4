//go:build unix

package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/wait"
)

// How many hostile readers come at once while others are served. The storm act
// brings more.
const (
	manySlow  = 20
	manyNever = 40
	manyGhost = 20
	manyStorm = 100
)

// slowReaders read a few bytes a second of a stream from its beginning.
func slowReaders(ctx context.Context, s *stage, f planned) (string, error) {
	return s.hostile(ctx, f, manySlow, 100)
}

// neverReaders ask for a stream and never read it.
func neverReaders(ctx context.Context, s *stage, f planned) (string, error) {
	return s.hostile(ctx, f, manyNever, 0)
}

// hostile opens streams at a node that are read at a rate in bytes a second.
func (s *stage) hostile(ctx context.Context, f planned, count, rate int) (string, error) {
	var conns []net.Conn
	for i := range count {
		c, err := s.openRaw(ctx, hostOf(s.node(f.Target).URL()), i)
		if err != nil {
			break // a node may be away: then fewer came
		}
		conns = append(conns, c)
	}
	ctx, cancel := context.WithTimeout(ctx, f.Hold)
	defer cancel()
	var readers sync.WaitGroup
	for _, c := range conns {
		readers.Go(func() { sip(ctx, c, rate) })
	}
	readers.Wait()
	return fmt.Sprintf("%d readers", len(conns)), nil
}

// openRaw asks for a stream from the log's beginning over a connection with a
// small buffer, and reads no answer.
func (s *stage) openRaw(ctx context.Context, address string, i int) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: time.Second, Control: smallBuffer}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET /api/v1/blogs/%s/stream?after=0 HTTP/1.1\r\nHost: chaos\r\nX-Forwarded-For: %s\r\n\r\n",
		s.slugs[i%len(s.slugs)], hostileAddress(i))
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// hostileAddress spreads hostile readers over addresses, some each, since the
// limit per address would reject them.
func hostileAddress(i int) string { return fmt.Sprintf("198.18.%d.%d", i/64/250, 1+i/64%250) }

// sip reads at a rate until ctx ends, and closes the connection.
func sip(ctx context.Context, c net.Conn, rate int) {
	defer c.Close()
	buf := make([]byte, max(1, rate/10))
	for ctx.Err() == nil {
		if rate > 0 {
			_ = c.SetReadDeadline(time.Now().Add(time.Second)) // fails when it is closed, which the read tells
			if _, err := c.Read(buf); errors.Is(err, io.EOF) {
				return
			}
		}
		wait.For(ctx, 100*time.Millisecond)
	}
}

// ghostReaders follow through a link of their own that falls silent.
func ghostReaders(ctx context.Context, s *stage, f planned) (string, error) {
	link, err := netfault.Listen(hostOf(s.node(f.Target).URL()))
	if err != nil {
		return "", err
	}
	defer link.Close()
	var conns []net.Conn
	for i := range manyGhost {
		c, err := s.openRaw(ctx, link.Addr(), i)
		if err != nil {
			return "", err
		}
		defer c.Close()
		conns = append(conns, c)
	}
	link.Set(netfault.Conditions{Up: lost, Down: lost})
	wait.For(ctx, f.Hold)
	return fmt.Sprintf("%d readers", len(conns)), nil
}

// reconnectStorm cuts all streams of all nodes at once; new readers come with
// those that reconnect.
func reconnectStorm(ctx context.Context, s *stage, f planned) (string, error) {
	for _, n := range s.bed.Nodes() {
		n.Client.Cut()
	}
	return fmt.Sprintf("%d new readers", s.storm(ctx, manyStorm)), nil
}

// storm opens streams at all nodes at the same time and counts those that got
// their first event.
func (s *stage) storm(ctx context.Context, count int) int {
	var mu sync.Mutex
	greeted := 0
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() {
			if s.greeted(ctx, i) == nil {
				mu.Lock()
				greeted++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return greeted
}

// greeted opens a stream and waits for the first event.
func (s *stage) greeted(ctx context.Context, i int) error {
	nodes := s.bed.Nodes()
	url := fmt.Sprintf("%s/api/v1/blogs/%s/stream", nodes[i%len(nodes)].URL(), s.slugs[i%len(s.slugs)])
	resp, err := s.get(ctx, url, "X-Forwarded-For", hostileAddress(i))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	buf := make([]byte, 256)
	for text := ""; !strings.Contains(text, "event: hello"); {
		n, err := resp.Body.Read(buf)
		if err != nil {
			return err
		}
		text += string(buf[:n])
	}
	return nil
}

// killBehindProxy kills a node that nginx sends posts to: nginx asks another.
func killBehindProxy(ctx context.Context, s *stage, f planned) (string, error) {
	if !s.config.Nginx {
		return "", errNotHere
	}
	if err := s.bed.ReloadNginx(ctx, repeating); err != nil {
		return "", err
	}
	detail, err := killOften(ctx, s, f)
	lift, cancel := lifting(ctx)
	defer cancel()
	return detail, errors.Join(err, s.bed.ReloadNginx(lift, func(shipped string) string { return shipped }))
}

// repeating is the shipped configuration of nginx, made careless.
func repeating(shipped string) string {
	return strings.Replace(shipped, "proxy_next_upstream error timeout;", "proxy_next_upstream error timeout http_502 http_503 non_idempotent;", 1)
}

// cursors that no reader has honestly. None may fail the server, and none but
// the first may be taken for a place in the log.
var cursors = []string{
	"0", "-1", "1e3", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "00000000000000000000001",
	"%00", "1%00", "%0a", "abc", "1.5", "0x10", "1,2", "../1", "%F0%9F%98%80", strings.Repeat("9", 5000),
}

// badCursors asks for streams and events with each of them, at one node.
func badCursors(ctx context.Context, s *stage, f planned) (string, error) {
	base := s.node(f.Target).URL() + "/api/v1/blogs/" + s.slugs[0]
	for _, cursor := range cursors {
		for _, path := range []string{"/stream?after=", "/events?wait=0&after="} {
			if err := s.badCursor(ctx, base+path+cursor); err != nil {
				s.wrong("F35: cursor %.40q: %v", cursor, err)
			}
		}
	}
	return fmt.Sprintf("%d cursors", len(cursors)), nil
}

// badCursor reports a server error. An answer that does not come is not the
// cursor's fault: other faults may be at work.
func (s *stage) badCursor(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	resp, err := s.get(ctx, url)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 && resp.StatusCode != http.StatusServiceUnavailable {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// get asks once.
func (s *stage) get(ctx context.Context, url string, header ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return s.client.Do(req)
}
