package e2e

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"dateline/internal/proof/pgtest"
)

// startNginx runs nginx before a node, with the configuration that we ship, and
// returns its address. Only ports, paths and sizes are others; tls are the files in
// the directory of the certificate.
func startNginx(t *testing.T, node string, tls map[string]string) (address string) {
	t.Helper()
	address, dir := freeAddress(t), t.TempDir()
	for name, text := range tls {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "tls"), 0o700), os.WriteFile(filepath.Join(dir, "tls", name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile("../../../deploy/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	text := string(shipped)
	for _, change := range [][2]string{
		{"listen 8080 reuseport backlog=4096", "listen " + address}, {"server dateline:8080", "server " + node}, {"server dateline-2:8080", "server " + node},
		{"worker_rlimit_nofile 65536;", user() + "daemon off; pid " + dir + "/pid;"}, {"worker_connections 32768", "worker_connections 1024"},
		{"include /etc/nginx/mime.types;", temporaryPaths(dir)}, {"/etc/nginx/tls/", dir + "/tls/"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("deploy/nginx.conf has no %q any more", change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	runNginx(t, "-p", dir, "-c", file, "-e", "stderr")
	eventually(t, startLimit, "nginx answers", func() bool { return answersAt("http://" + address + "/livez") })
	return address
}

// user keeps nginx, started by root, from becoming somebody who may not enter the
// test's directory.
func user() string {
	if os.Getuid() == 0 {
		return "user root; "
	}
	return ""
}

func temporaryPaths(dir string) string {
	var b strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&b, "%s_temp_path %s/%s; ", kind, dir, kind)
	}
	return b.String()
}

// runNginx runs the program until the test ends. Debian has it where only root
// looks for programs.
func runNginx(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
	}
	log := &lockedBuffer{}
	cmd := exec.Command(path, args...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // its workers end with it
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
}

func answersAt(url string) bool {
	res, err := http.Get(url)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// TestE2E_RawRequestsThroughNginx throws the same at nginx with our
// configuration. What nginx makes a proper request of may be taken.
func TestE2E_RawRequestsThroughNginx(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	address := startNginx(t, strings.TrimPrefix(g.node.url, "http://"), nil)
	stop := g.watch(t)
	list := g.rawRequests()
	answered := throwAll(t, address, list, func(_ rawBytes, x exchanged) bool { return !x.failed() })
	t.Logf("%d raw requests through nginx, answers by status (0 is none): %v", len(list), answered)
	g.checkWatched(t, stop())
	g.node.noPanic()
}

// TestE2E_NginxSpeaksHTTP2 puts a certificate where the configuration wants it, and
// holds more streams open over one connection than a browser has over HTTP/1.1.
func TestE2E_NginxSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node := startProcess(t, dsn).url
	newRobot(t, dsn).newBlog(t, node, "two")
	files, client, address := certified(t)
	startNginx(t, strings.TrimPrefix(node, "http://"), files)
	for range 8 {
		res, err := client.Get("https://" + address + "/api/v1/blogs/two/stream")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		first, err := bufio.NewReader(res.Body).ReadString('\n')
		if err != nil || first == "" || res.ProtoMajor != 2 || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Fatalf("%s %v: %q, %v", res.Proto, res.Header, first, err)
		}
	}
}

// certified gives the files for a listener with a certificate, a client that trusts
// it, and the address to listen on.
func certified(t *testing.T) (files map[string]string, client *http.Client, address string) {
	t.Helper()
	example, err := os.ReadFile("../../../deploy/tls/listen.conf.example")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewTLSServer(nil) // it has a certificate for 127.0.0.1
	t.Cleanup(s.Close)
	made := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	address = freeAddress(t)
	files = map[string]string{
		"listen.conf":     strings.NewReplacer("8443", address, "/etc/nginx/tls/", "tls/").Replace(string(example)),
		"certificate.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]})),
		"key.pem":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	}
	client = s.Client()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	return files, client, address
}

// swallowing is the beginning of a request that would swallow another's.
const swallowing = "GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\nX: "

// ambiguous are requests of which two servers could believe that they end in
// different places.
func ambiguous() (list []string) {
	head := "POST " + blogPath + "/views HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
	chunk := "0\r\n\r\n" + swallowing
	for _, lines := range []string{
		"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: %d\r\n", "Content-Length: %d\r\nTransfer-Encoding : chunked\r\n",
		"Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n", "Content-Length: %d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "Content-Length: %d\r\nTransfer-Encoding:\x0bchunked\r\n",
		"Content-Length: %d\r\nTransfer-Encoding: x\r\n chunked\r\n", "Content-Length: %d\r\n Transfer-Encoding: chunked\r\n", "Content-Length: %d\r\nX: y\rTransfer-Encoding: chunked\r\n", "Content-Length: %d\nTransfer-Encoding: chunked\n",
		"Content-Length: %d\r\nTransfer-Encoding: identity\r\n", "Content-Length: %d\r\nTransfer-Encoding: chunked, identity\r\n", "Content-Length: %d\r\nTransfer_Encoding: chunked\r\n", "Content-Length: %d\r\nTransfer-Encoding: \"chunked\"\r\n",
		"Content-Length: 0\r\nContent-Length: %d\r\n", "Content-Length: %d\r\nContent-Length: 0\r\n", "Content-Length: 0, %d\r\n", "Content-Length: +%d\r\n", "Content-Length: %d\x00\r\n", "Content-Length:\x0b%d\r\n", "Content_Length: %d\r\n",
		"Expect: 100-continue\r\nContent-Length: %d\r\n", "Connection: Content-Length\r\nContent-Length: %d\r\n", "Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: %d\r\n",
	} {
		list = append(list, head+fmt.Sprintf(lines, len(chunk))+"\r\n"+chunk, strings.Replace(head, "POST", "GET", 1)+fmt.Sprintf(lines, len(chunk))+"\r\n"+chunk)
	}
	chunked := head + "Transfer-Encoding: chunked\r\n\r\n"
	return append(list,
		chunked+"0\n\n"+swallowing, chunked+"0;\n"+swallowing+"\r\n\r\n", chunked+"2;x\nab\r\n0\r\n\r\n"+swallowing, chunked+"0\r\nContent-Length: 5\r\n\r\n"+swallowing, chunked+"00000000000000000\r\n\r\n"+swallowing,
		chunked+"-0\r\n\r\n"+swallowing, chunked+"0x0\r\n\r\n"+swallowing, chunked+"2\r\nab0\r\n\r\n"+swallowing, chunked+"2\r\nab\r\r0\r\n\r\n"+swallowing,
	)
}

// TestE2E_NginxSmugglesNothing sends requests with two ends, and others' after
// them over the same few connections between nginx and the node. Each answer
// names the request that it is for.
func TestE2E_NginxSmugglesNothing(t *testing.T) {
	t.Parallel()
	g := newTarget(t)
	address := startNginx(t, strings.TrimPrefix(g.node.url, "http://"), nil)
	const others = 5
	var some errgroup.Group
	some.SetLimit(16)
	for i, text := range ambiguous() {
		some.Go(func() error {
			if _, err := converse(address, text); err != nil {
				t.Errorf("%.200q: %v", text, err)
			}
			for n := range others {
				checkAnswered(t, "http://"+address+blogPath, fmt.Sprintf("other-%d-%d", i, n), text)
			}
			return nil
		})
	}
	_ = some.Wait() // there are no errors but those reported
	t.Logf("%d ambiguous requests, %d others answered with what they asked for", len(ambiguous()), others*len(ambiguous()))
	g.node.noPanic()
}

func checkAnswered(t *testing.T, url, id, after string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", id)
	a, err := exchange(http.DefaultClient, req)
	if err != nil || a.status != http.StatusOK || a.header.Get("X-Request-Id") != id || !strings.Contains(string(a.body), `"slug":"target"`) {
		t.Errorf("after %.200q: %s was answered %d as %s: %.100s %v", after, id, a.status, a.header.Get("X-Request-Id"), a.body, err)
	}
}
