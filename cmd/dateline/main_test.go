package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dateline/internal/proof/pgtest"
)

// do runs one command to its end and returns what it printed.
func do(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	var out, log bytes.Buffer
	err := run(t.Context(), args, console{strings.NewReader(input), &out, &log})
	return out.String(), err
}

// started is a server that a test runs.
type started struct {
	url  string
	data string
	stop func() error
}

var readersLine = regexp.MustCompile(`Readers\s+(http://[^/\s]+)`)

// startServer runs serve on a free port until the test or stop ends it.
func startServer(t *testing.T, args ...string) started {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	args = append([]string{"serve", "--listen=127.0.0.1:0", "--metrics-listen=", "--data-dir=" + data}, args...)
	go func() {
		err := run(ctx, args, console{strings.NewReader(""), w, io.Discard})
		w.CloseWithError(io.EOF)
		done <- err
	}()
	stop := func() error { cancel(); err := <-done; done <- err; return err }
	t.Cleanup(func() { _ = stop() })
	return started{url: readBanner(t, r, done), data: data, stop: stop}
}

// readBanner returns the address of the server, and goes on reading for it.
func readBanner(t *testing.T, r io.Reader, done chan error) string {
	t.Helper()
	var text []byte
	chunk := make([]byte, 1024)
	for !bytes.Contains(text, []byte("Database")) {
		n, err := r.Read(chunk)
		if err != nil {
			err := <-done
			done <- err
			t.Fatalf("the server did not start: %v", err)
		}
		text = append(text, chunk[:n]...)
	}
	go io.Copy(io.Discard, r)
	return string(readersLine.FindSubmatch(text)[1])
}

func TestServe_StartsAnswersAndStops(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--database-url="+pgtest.DSN(t))
	res, err := http.Get(s.url + "/api/v1/setup")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"needed":true`) {
		t.Fatalf("%s %s %v", res.Status, body, err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get(s.url); err == nil {
		t.Fatal("the stopped server answers")
	}
}

func TestServe_SetupLinkIsPrivateAndEnds(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	s := startServer(t, "--database-url="+dsn)
	file := filepath.Join(s.data, "setup-link")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	link, err := os.ReadFile(file)
	if err != nil || !regexp.MustCompile(`^`+regexp.QuoteMeta(s.url)+`/admin/#/setup/\w{40,}\n$`).Match(link) {
		t.Fatalf("%q %v", link, err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, "", "user", "create", "ann@example.org", "--database-url="+dsn); err != nil {
		t.Fatal(err)
	}
	again := startServer(t, "--database-url="+dsn)
	if _, err := os.Stat(filepath.Join(again.data, "setup-link")); !os.IsNotExist(err) {
		t.Fatal("there is a setup link though there is a user")
	}
}

func TestServe_AdminFromEnvironment(t *testing.T) {
	t.Parallel()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("a long enough pass phrase\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "--database-url="+pgtest.DSN(t), "--admin-email=ann@example.org", "--admin-password-file="+password)
	body := strings.NewReader(`{"email":"ann@example.org","password":"a long enough pass phrase"}`)
	res, err := http.Post(s.url+"/api/v1/session", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
}

func TestRun_Refuses(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for _, test := range []struct{ name, args, want string }{
		{"unknown command", "bogus", "--help"},
		{"bad address", "serve --listen=8080", "host:port"},
		{"bad public URL", "serve --public-url=live.example.org", "https://live.example.org"},
		{"public URL with path", "serve --public-url=https://example.org/live", "without path"},
		{"everybody is a proxy", "serve --trusted-proxies=0.0.0.0/0", "believe everybody"},
		{"not a proxy", "serve --trusted-proxies=nginx", "neither an address nor a network"},
		{"negative limit", "serve --streams-per-blog=-1", "below zero"},
		{"more streams than files", "serve --listen=127.0.0.1:0 --streams=2000000", "raise the limit"},
		{"short secret", "serve --secret-key=short", "openssl rand"},
		{"two secrets", "serve --secret-key=x --secret-key-file=y", "keep one"},
		{"password without address", "serve --admin-password=x", "belong together"},
		{"malformed database", "serve --database-url=postgres://u:s3cret%zz@h/d", "postgres://user:password@host"},
		{"nobody listens", "migrate --database-wait=0 --database-url=postgres://u:s3cret@127.0.0.1:1/d", "connection refused"},
		{"waits in vain", "serve --database-wait=10ms --listen=127.0.0.1:0 --database-url=postgres://u:s3cret@127.0.0.1:1/d", "tried for 10ms"},
		{"waits for days", "serve --database-wait=48h", "--database-wait"},
		{"unknown host", "migrate --database-wait=0 --database-url=postgres://u:s3cret@nohost.invalid/d", "unknown host nohost.invalid"},
		{"wrong password", "migrate --database-url=" + replaceURL(dsn, `:[^:@/]+@`, ":s3cret@"), "check user and password"},
		{"no such database", "migrate --database-url=" + replaceURL(dsn, `/dateline_test\w+`, "/absent"), `no database "absent"`},
		{"unknown role", "user create a@example.org --role=boss", "role"},
		{"bad e-mail", "user create nobody --database-url=" + dsn, "e-mail"},
		{"weak password", "user create a@example.org --password-stdin --database-url=" + dsn, "no password"},
		{"first user no admin", "user create a@example.org --role=viewer --database-url=" + dsn, "must be an admin"},
		{"unknown scope", "token create robot --scope=everything --database-url=" + dsn, "unknown"},
		{"too long a life", "token create robot --expires=400 --database-url=" + dsn, "365"},
		{"unknown blog", "token create robot --blog=absent --database-url=" + dsn, "absent"},
		{"nobody is healthy", "health --listen=127.0.0.1:1", "no server answers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := do(t, "", strings.Fields(test.args)...)
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			if !strings.Contains(text, test.want) || strings.Contains(text, "s3cret") || strings.Contains(text, "\n") {
				t.Errorf("got %q, want one line with %q and without the password", text, test.want)
			}
		})
	}
}

func replaceURL(dsn, pattern, with string) string {
	return regexp.MustCompile(pattern).ReplaceAllString(dsn, with)
}

func TestTokenCreate(t *testing.T) {
	t.Parallel()
	out, err := do(t, "", "token", "create", "robot", "--database-url="+pgtest.DSN(t))
	if err != nil || !regexp.MustCompile(`^dl_\w+\n$`).MatchString(out) {
		t.Fatalf("%q %v", out, err)
	}
}

func TestSetupLink_UntilThereIsAUser(t *testing.T) {
	t.Parallel()
	flag := "--database-url=" + pgtest.DSN(t)
	out, err := do(t, "", "setup-link", "--public-url=https://live.example.org", flag)
	if err != nil || !regexp.MustCompile(`^https://live\.example\.org/admin/#/setup/\w{40,}\n$`).MatchString(out) {
		t.Fatalf("%q %v", out, err)
	}
	if _, err := do(t, "", "user", "create", "ann@example.org", flag); err != nil {
		t.Fatal(err)
	}
	if out, err := do(t, "", "setup-link", flag); err == nil {
		t.Fatalf("there is a user, and yet a link: %q", out)
	}
}

func TestUserCreate_FirstIsAdmin(t *testing.T) {
	t.Parallel()
	flag := "--database-url=" + pgtest.DSN(t)
	for _, want := range []string{"Created admin a@example.org", "Created editor b@example.org"} {
		email := strings.Fields(want)[2]
		out, err := do(t, "a long enough pass phrase\n", "user", "create", email, "--password-stdin", flag)
		if err != nil || strings.TrimSpace(out) != want {
			t.Fatalf("%q %v", out, err)
		}
	}
}

func TestDoctor_HealthyDatabase(t *testing.T) {
	t.Parallel()
	out, _ := do(t, "", "doctor", "--database-url="+pgtest.DSN(t), "--listen=127.0.0.1:1")
	for _, want := range []string{"ok    version", "ok    schema", "ok    notify", "ok    clock", "warn  server"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestDoctor_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	out, err := do(t, "", "doctor", "--database-url=postgres://u:s3cret@127.0.0.1:1/d", "--listen=127.0.0.1:1")
	if err == nil || !strings.Contains(out, "fail  database") || strings.Contains(out, "s3cret") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestDoctor_HealthyServer(t *testing.T) {
	t.Parallel()
	dsn := "--database-url=" + pgtest.DSN(t)
	s := startServer(t, dsn)
	token, err := do(t, "", "token", "create", "robot", "--scope=blogs:write", dsn)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/blogs", strings.NewReader(`{"slug":"final","title":"The final","status":"live"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
	out, err := do(t, "", "doctor", dsn, "--listen="+strings.TrimPrefix(s.url, "http://"))
	if !strings.Contains(out, "ok    stream      first byte") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A database that would store broken texts is refused at the start, by whatever
// command, and by doctor: with what to do.
func TestDatabase_OtherEncodingIsRefused(t *testing.T) {
	t.Parallel()
	dsn := pgtest.EncodedDSN(t, "LATIN1")
	const advice = "--encoding=UTF8"
	for _, command := range []string{"serve", "migrate"} {
		if _, err := do(t, "", command, "--database-url="+dsn, "--listen=127.0.0.1:0", "--metrics-listen="); err == nil || !strings.Contains(err.Error(), advice) {
			t.Errorf("%s: %v", command, err)
		}
	}
	if out, err := do(t, "", "doctor", "--database-url="+dsn, "--listen=127.0.0.1:1"); err == nil || !strings.Contains(out, "fail  database") || !strings.Contains(out, advice) {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

// Readers who come through a proxy that nobody named count as one client.
func TestDoctor_NamesAProxyThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for want, args := range map[string][]string{
		"warn  proxy":                       {"--public-url=https://live.example.org"},
		"ok    proxy       trusted are 10.": {"--public-url=https://live.example.org", "--trusted-proxies=10.0.0.7"},
		"ok    proxy       none":            {},
	} {
		out, _ := do(t, "", append([]string{"doctor", "--database-url=" + dsn, "--listen=127.0.0.1:1"}, args...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%v: no %q in\n%s", args, want, out)
		}
	}
}

func TestHelp_NamesEveryCommand(t *testing.T) {
	t.Parallel()
	out, err := do(t, "", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"serve", "migrate", "setup-link", "user create", "token create", "doctor", "health"} {
		if !strings.Contains(out, command) {
			t.Errorf("no %s in\n%s", command, out)
		}
	}
}
