package e2e

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dateline/internal/markup"
	"dateline/internal/proof/pgtest"
)

// trap is a listener on this machine that no URL in a post may make the product
// connect to.
type trap struct {
	net.Listener
	caught atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	tr := &trap{Listener: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			tr.caught.Add(1)
			_ = c.Close() // what it wanted to say does not matter
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return tr
}

func (tr *trap) port() string {
	_, port, _ := net.SplitHostPort(tr.Addr().String()) // is one
	return port
}

// innerHosts are names of this machine, of networks behind it, and of services
// that clouds offer to those inside, in every spelling that some library takes.
var innerHosts = []string{
	"127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "127.255.255.254", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0x7F.1", "00000177.1", "127.0.0.1.", "127.0.0.1%00", "0", "0.0.0.0", "0x0", "00.00.00.00", "1",
	"localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "x.localhost", "ip6-localhost", "127.0.0.1.nip.io", "localtest.me", "7f000001.c0a80001.rbndr.us", "make-127.0.0.1-rebind-169.254.169.254-rr.example", "spoofed.burpcollaborator.example",
	"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::1]", "[::1%25lo]", "[fe80::1%25eth0]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2001:0:7f00:1::]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[fec0::1]", "[100::1]", "[::ffff:0:127.0.0.1]",
	"169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "169.254.43518", "169.16689662", "metadata.google.internal", "metadata", "100.100.100.200", "192.0.0.192", "instance-data",
	"10.0.0.1", "10.1", "0xa.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1", "3232235521", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1",
	"\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1", "127\uff610\uff610\uff611", "\u0661\u0662\u0667.0.0.1", "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "l\u00f2calhost", "xn--n28h.example", "xn--80ak6aa92e.com", "loc\u00adalhost", "local\u200bhost",
}

// ssrfShapes put a host with the trap's port into a URL.
var ssrfShapes = []string{
	"http://%s:%p/", "https://%s:%p/x.png", "http://user:pass@%s:%p/", "http://www.youtube.com@%s:%p/watch?v=dQw4w9WgXcQ", "http://%s:%p#@www.youtube.com/watch?v=dQw4w9WgXcQ", "//%s:%p/", `http:\\%s:%p\`, "http:/%s:%p/", "http:%s:%p", "http://%s:%p?.youtube.com/watch?v=dQw4w9WgXcQ",
}

// ssrfSchemes are for those who can do more than HTTP.
var ssrfSchemes = []string{
	"file:///etc/passwd", "file://127.0.0.1/etc/passwd", "FILE:///etc/passwd", "gopher://127.0.0.1:%p/_GET%20/", "dict://127.0.0.1:%p/info", "ftp://127.0.0.1:%p/", "sftp://127.0.0.1:%p/", "tftp://127.0.0.1:%p/x", "ldap://127.0.0.1:%p/", "jar:http://127.0.0.1:%p/!/x", "netdoc:///etc/passwd",
	"data:text/html,<script>alert(1)</script>", "javascript:fetch('http://127.0.0.1:%p')", "vbscript:x", "php://filter/x", "unix:///var/run/docker.sock", "http+unix://%2fvar%2frun%2fdocker.sock/", "ws://127.0.0.1:%p/", "view-source:http://127.0.0.1:%p/", "blob:http://127.0.0.1:%p/x", "mailto:x@127.0.0.1", "about:blank", "chrome://settings", "intent://127.0.0.1:%p#Intent;end",
	"http://127.0.0.1:%p/\r\nHost: evil", "http://127.0.0.1:%p/%0d%0aSet-Cookie:%20x=y", "http://127.0.0.1%0d%0a:%p/", "http://127.0.0.1:%p/redirect?to=http://169.254.169.254/", "https://www.youtube.com/redirect?q=http://127.0.0.1:%p/", "https://youtu.be/dQw4w9WgXcQ?x=http://127.0.0.1:%p/", "https://bsky.app/profile/127.0.0.1:%p/post/3k44dddkhsc2e",
	"https://www.youtube.com:%p/watch?v=dQw4w9WgXcQ", "https://www.youtube.com.127.0.0.1.nip.io:%p/watch?v=dQw4w9WgXcQ", "https://www.youtube.com%2f@127.0.0.1:%p/", "https://www.youtube.com\\@127.0.0.1:%p/watch?v=dQw4w9WgXcQ", "https://127.0.0.1:%p/www.youtube.com/watch?v=dQw4w9WgXcQ", "https://vimeo.com@127.0.0.1:%p/123456789",
	"https://www.tiktok.com/@127.0.0.1:%p/video/1234567890", "https://x.com/a/status/12345?x=127.0.0.1:%p", "http://[::1]:%p:80/", "http://[127.0.0.1]:%p/", "http://127.0.0.1:%p:%p/", "http://127.0.0.1:0%p/", "http://0.0.0.0:%p", "http://①②⑦.0.0.1:%p",
}

// ssrfURLs are all forms, each host in two of the shapes and some hosts in all.
func ssrfURLs(port string) (all []string) {
	put := func(shape, host string) {
		all = append(all, strings.NewReplacer("%s", host, "%p", port).Replace(shape))
	}
	for i, host := range innerHosts {
		put(ssrfShapes[0], host)
		put(ssrfShapes[1+i%(len(ssrfShapes)-1)], host)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
		for _, shape := range ssrfShapes {
			put(shape, host)
		}
	}
	for _, shape := range ssrfSchemes {
		put(shape, "")
	}
	return all
}

// ssrfPlaces are where a post can have a URL.
func ssrfPlaces(u string) map[string][]string {
	return map[string][]string{
		"markdown": {u, "[x](" + u + ")", "![x](" + u + ")", "<" + u + ">", "[x]: " + u + "\n\n[x]"},
		"html":     {`<img src="` + u + `">`, `<a href="` + u + `">x</a>`, `<iframe src="` + u + `"></iframe>`, `<link rel=stylesheet href="` + u + `">`},
	}
}

// TestE2E_SecuritySSRF writes URLs of inner places wherever a URL can stand. The
// product connects to none of them, shows frames of its providers only, and links
// to nothing but the web and mail.
func TestE2E_SecuritySSRF(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node, r, tr := startProcess(t, dsn, fast), newRobot(t, dsn), newTrap(t)
	r.newBlog(t, node.url, "inner")
	urls := ssrfURLs(tr.port())
	sent := 0
	for _, u := range urls {
		for format, bodies := range ssrfPlaces(u) {
			for _, body := range bodies {
				checkPreview(t, r, node.url, format, body)
				sent++
			}
		}
	}
	published := []map[string]any{}
	for i := 0; i < len(urls); i += 8 {
		published = append(published, map[string]any{"title": cutTo(urls[i], 100), "byline": cutTo(urls[i], 60), "tags": []string{cutTo(urls[i], 30)}, "body": strings.Join(urls[i:min(i+8, len(urls))], "\n\n"), "external_id": fmt.Sprint("inner-", i)})
	}
	for _, post := range published {
		if a, err := r.call(t.Context(), http.MethodPost, node.url+"/api/v1/blogs/inner/posts", post); err != nil || a.status != http.StatusCreated {
			t.Errorf("%v: %d %s %v", post, a.status, a.body, err)
		}
	}
	for _, path := range []string{"/b/inner", "/b/inner/feed.atom", "/b/inner/feed.json", "/api/v1/blogs/inner/posts"} {
		r.must(t, http.MethodGet, node.url+path, nil, nil, "Referer", "http://127.0.0.1:"+tr.port(), "X-Forwarded-Host", "127.0.0.1:"+tr.port(), "Forwarded", "host=127.0.0.1:"+tr.port())
	}
	if control, err := net.DialTimeout("tcp", "127.0.0.1:"+tr.port(), time.Second); err != nil {
		t.Error(err)
	} else {
		control.Close()
	}
	eventually(t, startLimit, "the trap works", func() bool { return tr.caught.Load() > 0 })
	if n := tr.caught.Load(); n != 1 {
		t.Errorf("the product connected %d times", n-1)
	}
	node.noPanic()
	t.Logf("%d URLs in %d bodies and %d posts", len(urls), sent, len(published))
	if len(urls) < 120 {
		t.Error("too few")
	}
}

var (
	linkIn  = regexp.MustCompile(` (href|src|srcset)="([^"]*)"`)
	embedIn = regexp.MustCompile(`data-embed-src="([^"]*)"`)
)

// checkPreview has a body rendered as it would be published.
func checkPreview(t *testing.T, r *robot, node, format, body string) {
	t.Helper()
	a, err := r.call(t.Context(), http.MethodPost, node+"/api/v1/preview", map[string]any{"body": body, "format": format})
	if err != nil || a.status != http.StatusOK && a.status != http.StatusUnprocessableEntity {
		t.Errorf("%q: %d %s %v", body, a.status, a.body, err)
		return
	}
	var shown struct{ HTML string }
	if err := json.Unmarshal(a.body, &shown); err != nil {
		t.Errorf("%q: %v", body, err)
	}
	for _, m := range linkIn.FindAllStringSubmatch(shown.HTML, -1) {
		u, err := url.Parse(m[2])
		if m[1] != "href" || err != nil || !slices.Contains([]string{"http", "https", "mailto"}, strings.ToLower(u.Scheme)) {
			t.Errorf("%q has %s=%q", body, m[1], m[2])
		}
	}
	for _, m := range embedIn.FindAllStringSubmatch(shown.HTML, -1) {
		u, err := url.Parse(m[1])
		if err != nil || !slices.Contains(markup.EmbedOrigins(), u.Scheme+"://"+u.Host) || strings.Contains(m[1], "127.0.0.1") {
			t.Errorf("%q is embedded as %q", body, m[1])
		}
	}
}

// outgoing are what a program needs to connect to others, or to have it done.
var outgoing = map[string][]string{
	"net/http":   {"Get", "Head", "Post", "PostForm", "Client", "DefaultClient", "Transport", "DefaultTransport", "NewRequest", "NewRequestWithContext"},
	"net":        {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer", "Resolver", "DefaultResolver", "LookupHost", "LookupIP", "LookupAddr", "LookupCNAME", "LookupTXT", "LookupMX", "LookupNS", "LookupSRV"},
	"crypto/tls": {"Dial", "DialWithDialer", "Dialer"}, "os/exec": {"Command", "CommandContext"}, "net/smtp": nil, "net/rpc": nil, "net/http/httputil": {"ReverseProxy", "NewSingleHostReverseProxy"}, "plugin": nil,
}

// TestSecurity_ServingPackagesHaveNoClient reads the sources: what answers requests
// has nothing to make requests with. internal/postgres speaks to its database.
func TestSecurity_ServingPackagesHaveNoClient(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"auth", "liveblog", "markup", "media", "server", "stream", "views"} {
		files, err := filepath.Glob("../../" + dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, name := range files {
			if !strings.HasSuffix(name, "_test.go") {
				checkNoClient(t, name)
			}
		}
	}
}

func checkNoClient(t *testing.T, name string) {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]string{}
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		if words, watched := outgoing[path]; watched && (words == nil || i.Name != nil) {
			t.Errorf("%s imports %s", name, path)
		}
		imported[path[strings.LastIndex(path, "/")+1:]] = path
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && slices.Contains(outgoing[imported[x.Name]], s.Sel.Name) {
				t.Errorf("%s uses %s.%s", name, x.Name, s.Sel.Name)
			}
		}
		return true
	})
}
