//go:build unix

package testbed_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dateline/internal/apiclient"
	"dateline/internal/proof/chaos/testbed"
	"dateline/internal/proof/program"
	"dateline/internal/wait"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(asHarness); dir != "" {
		beHarness(dir)
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if programDir != "" {
			os.RemoveAll(programDir)
		}
		os.Exit(code)
	}))
}

// limit is for a whole test, most of which take a few seconds.
const limit = 2 * time.Minute

// binary is built once for all tests, in programDir.
var binary = sync.OnceValues(func() (path string, err error) {
	if programDir, err = os.MkdirTemp("", "dateline-bed-"); err != nil {
		return "", err
	}
	if err := os.Chmod(programDir, 0o711); err != nil { // PostgreSQL's account passes through
		return "", err
	}
	fresh = testbed.NewFresh(programDir)
	return program.Build(context.Background(), programDir, "dateline")
})

// fresh is there when binary has returned.
var fresh *testbed.Fresh

var programDir string

// setting is a bed with a token and a blog.
type setting struct {
	*testbed.Bed
	t     *testing.T
	ctx   context.Context
	token string
	http  *http.Client
}

func start(t *testing.T, config testbed.Config) *setting {
	t.Helper()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	config.Dir, config.Binary, config.Fresh = filepath.Join(openDir(t), "bed"), program, fresh
	config.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	begun := time.Now()
	bed, err := testbed.Start(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		begun := time.Now()
		if err := bed.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("closed in %v", time.Since(begun))
	})
	t.Logf("started in %v", time.Since(begun))
	s := &setting{Bed: bed, t: t, ctx: ctx, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	if s.token, err = bed.Token(ctx, "posts:write", "blogs:write", "read"); err != nil {
		t.Fatal(err)
	}
	if status, body := s.ask(http.MethodPost, s.FrontURL()+"/api/v1/blogs", "", `{"slug":"match","title":"Match"}`); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	return s
}

// eventually polls a condition that has no event to wait for, and reports whether
// it held before ctx ended.
func eventually(ctx context.Context, holds func() bool) bool {
	for !holds() {
		if !wait.For(ctx, 20*time.Millisecond) {
			return false
		}
	}
	return true
}

// openDir is a directory that PostgreSQL's account can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (s *setting) ask(method, url, key, body string) (status int, answer string) {
	s.t.Helper()
	r := apiclient.Request{Method: method, Path: url}
	if body != "" {
		r.Body, r.Key = []byte(body), key
	}
	got, err := (&apiclient.Client{Token: s.token, HTTP: s.http}).Send(s.ctx, r)
	if err != nil {
		return 0, err.Error()
	}
	return got.Status, string(got.Body)
}

func (s *setting) publish(title, key string) (status int, answer string) {
	s.t.Helper()
	return s.ask(http.MethodPost, s.FrontURL()+"/api/v1/blogs/match/posts", key, fmt.Sprintf(`{"title":%q}`, title))
}

// insist publishes with one key until it is done.
func (s *setting) insist(title, key string) {
	s.t.Helper()
	begun := time.Now()
	for {
		status, answer := s.publish(title, key)
		if status == http.StatusCreated {
			s.t.Logf("published %q after %v", title, time.Since(begun))
			return
		}
		if s.ctx.Err() != nil {
			s.t.Fatal(status, answer)
		}
		wait.For(s.ctx, 50*time.Millisecond)
	}
}

// titles are those of the published posts, the newest first.
func (s *setting) titles() (titles []string) {
	s.t.Helper()
	status, body := s.ask(http.MethodGet, s.FrontURL()+"/api/v1/blogs/match/posts", "", "")
	var page struct{ Items []struct{ Title string } }
	if err := json.NewDecoder(bytes.NewBufferString(body)).Decode(&page); err != nil || status != http.StatusOK {
		s.t.Fatal(status, body, err)
	}
	for _, p := range page.Items {
		titles = append(titles, p.Title)
	}
	return titles
}

// follow returns the lines of a stream from the beginning; the end of the test
// ends it.
func (s *setting) follow() <-chan string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.FrontURL()+"/api/v1/blogs/match/stream?after=0", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.http.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatal(answer, err)
	}
	lines := make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		for scan := bufio.NewScanner(answer.Body); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	s.t.Cleanup(func() {
		answer.Body.Close()
		<-done
	})
	return lines
}

func (s *setting) expectLine(lines <-chan string, part string) {
	s.t.Helper()
	for {
		select {
		case line, more := <-lines:
			if !more {
				s.t.Fatalf("the stream ended before %q", part)
			}
			if strings.Contains(line, part) {
				return
			}
		case <-s.ctx.Done():
			s.t.Fatalf("the stream has no %q", part)
		}
	}
}

func (s *setting) do(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}
