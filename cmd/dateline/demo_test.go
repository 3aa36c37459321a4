package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dateline/internal/demo"
	"dateline/internal/proof/pgtest"
)

// fetch reads a page or an answer of the API as anybody may.
func fetch(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

func TestDemo_PlaysTheWholeEvening(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	pictures := filepath.Join(t.TempDir(), "pictures")
	s := startServer(t, "--database-url="+dsn, "--media-dir="+pictures)
	out, err := do(t, "", "demo", "--database-url="+dsn, "--server="+s.url, "--slug=cup", "--speed=1e9")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var blog struct {
		Title, Status string
		Pinned        string `json:"pinned_post_id"`
	}
	_, body := fetch(t, s.url+"/api/v1/blogs/cup")
	if err := json.Unmarshal(body, &blog); err != nil || blog.Status != "ended" || !strings.HasPrefix(blog.Title, "Aldwater win") || blog.Pinned == "" {
		t.Errorf("blog %+v, %v", blog, err)
	}
	checkPosts(t, s.url)
	if files, err := os.ReadDir(pictures); err != nil || len(files) == 0 {
		t.Errorf("the directory of pictures has %d entries, %v", len(files), err)
	}
}

// checkPosts compares what readers get with what the script leaves standing.
func checkPosts(t *testing.T, url string) {
	t.Helper()
	var list struct {
		Items []struct{ Title, HTML, Text string }
	}
	_, body := fetch(t, url+"/api/v1/blogs/cup/posts?limit=100")
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	if want := standing(); len(list.Items) != want {
		t.Errorf("%d posts, want %d", len(list.Items), want)
	}
	all := ""
	for _, p := range list.Items {
		all += p.Title + p.HTML
	}
	for text, wanted := range map[string]bool{
		"Start delayed by five minutes": true, "Start delayed by ten": false, "Vesterhavn to withdraw?": false, "Tsukimi Bay win the Lantern Cup": false,
		"youtube-nocookie.com/embed/LanternCup0": true, "1. Aldwater 6:58.4<br>": true, "<script": false, "{{": false,
	} {
		if strings.Contains(all, text) != wanted {
			t.Errorf("%q found: %v", text, !wanted)
		}
	}
	checkPicture(t, url, all)
}

func standing() (posts int) {
	for _, s := range demo.Script() {
		switch s.Action {
		case demo.Publish:
			posts++
		case demo.Delete:
			posts--
		}
	}
	return posts
}

func checkPicture(t *testing.T, url, html string) {
	t.Helper()
	_, rest, found := strings.Cut(html, `<img src="`)
	src, _, _ := strings.Cut(rest, `"`)
	if !found {
		t.Fatal("no picture in any post")
	}
	res, body := fetch(t, url+src)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/jpeg" || len(body) < 1000 {
		t.Errorf("%s: %s, %s, %d bytes", src, res.Status, res.Header.Get("Content-Type"), len(body))
	}
}

func TestDemo_StopsQuietly(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	s := startServer(t, "--database-url="+dsn)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"demo", "--database-url=" + dsn, "--server=" + s.url, "--speed=1"}, console{strings.NewReader(""), w, io.Discard})
		w.Close()
	}()
	line := make([]byte, 64)
	if _, err := r.Read(line); err != nil || !strings.HasPrefix(string(line), "Follow it at "+s.url+"/b/lantern-cup-") {
		t.Errorf("first line %q, %v", line, err)
	}
	cancel()
	rest, _ := io.ReadAll(r)
	select {
	case err := <-done:
		if err != nil || !strings.HasSuffix(string(rest), "stopped\n") {
			t.Errorf("got %v after %q", err, rest)
		}
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}

func TestDemo_Refusals(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"--speed":           {"--token=dl_x", "--speed=0"},
		"no server answers": {"--token=dl_x", "--server=http://127.0.0.1:1"},
	} {
		if _, err := do(t, "", append([]string{"demo"}, args...)...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
