package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const firstByteLimit = 5 * time.Second

// checkServer asks a running server, the way its readers do: through the public URL.
func checkServer(ctx context.Context, r *report, c *Config) {
	r.add("proxy", checkProxy(c))
	if err := ready(ctx, "http://"+localHost(c.Listen)); err != nil {
		r.add("server", warn("%v; start it and run this again to check the stream", err))
		return
	}
	r.add("server", ok("ready on %s", c.Listen))
	public, err := c.publicURL()
	if err != nil {
		r.add("stream", fail("%v", err))
		return
	}
	r.add("stream", checkStream(ctx, public))
}

// checkProxy finds a proxy that is not trusted: it exists if readers do not connect to
// the port on which this server listens.
func checkProxy(c *Config) finding {
	public, err := c.publicURL()
	if err != nil {
		return fail("%v", err)
	}
	_, port, _ := net.SplitHostPort(c.Listen) // Validate has looked at it
	switch {
	case public.Scheme == "http" && public.Port() == port:
		return ok("none, readers connect to %s", c.Listen)
	case len(c.TrustedProxies) == 0:
		return warn("readers come through %s and no proxy is trusted: all of them count as one client for limits and wrong passwords; "+
			"name the proxy's address in --trusted-proxies", public)
	default:
		return ok("trusted are %s", strings.Join(c.TrustedProxies, ", "))
	}
}

// checkStream measures the time to the first byte of a stream: a proxy that
// buffers holds it back for ever.
func checkStream(ctx context.Context, public *url.URL) finding {
	ctx, cancel := context.WithTimeout(ctx, firstByteLimit)
	defer cancel()
	slug, err := anyBlog(ctx, public)
	if err != nil {
		return fail("%s does not lead to this server: %v; check --public-url and the proxy", public, err)
	}
	if slug == "" {
		return warn("not checked, there is no public blog yet")
	}
	began := time.Now()
	if err := firstLine(ctx, public.JoinPath("/api/v1/blogs", slug, "stream").String()); err != nil {
		return fail("%v; switch off response buffering for it in the proxy", err)
	}
	return ok("first byte through %s after %s", public, time.Since(began).Round(time.Millisecond))
}

// anyBlog is the slug of a public blog, "" without one.
func anyBlog(ctx context.Context, public *url.URL) (string, error) {
	res, err := get(ctx, public.JoinPath("/api/v1/blogs").String()+"?limit=1")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var list struct{ Items []struct{ Slug string } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list.Items) == 0 {
		return "", err
	}
	return list.Items[0].Slug, nil
}

func firstLine(ctx context.Context, stream string) error {
	res, err := get(ctx, stream)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		return nil // the blog has ended: the stream says so by not starting
	}
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil {
		return fmt.Errorf("no event within %s: %w", firstByteLimit, err)
	}
	field, _, isField := strings.Cut(line, ":")
	// A stream begins with a comment, a line without a name before its colon.
	if !isField || !slices.Contains([]string{"", "retry", "event", "id"}, field) {
		return fmt.Errorf("the answer is no event stream, it begins with %.40q", line)
	}
	return nil
}

func get(ctx context.Context, address string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		res.Body.Close()
		return nil, fmt.Errorf("%s answers %s", address, res.Status)
	}
	return res, nil
}
