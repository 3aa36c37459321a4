//go:build browsers

package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// starting is how long a browser may take until it can be driven.
const starting = 60 * time.Second

// Driven is a browser other than Chromium. Its windows speak the commands of
// WebDriver, one at a time.
type Driven struct {
	t    testing.TB
	mu   sync.Mutex
	send func(command string, params map[string]any) (json.RawMessage, error)
}

// Window is one tab of a driven browser.
type Window struct {
	browser *Driven
	handle  string
}

// Firefox starts one without a screen, driven by its own protocol, Marionette.
func Firefox(t testing.TB) *Driven {
	t.Helper()
	port, profile := freePort(t), t.TempDir()
	prefs := fmt.Sprintf("user_pref(\"marionette.port\", %d);\n", port)
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(prefs), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, []string{"HOME=" + profile}, program(t, "firefox-esr", "firefox"), "--headless", "--marionette", "--no-remote", "--profile", profile)
	conn := dial(t, port)
	in, id := bufio.NewReader(conn), 0
	if _, err := readPacket(in); err != nil { // it introduces itself
		t.Fatal(err)
	}
	d := &Driven{t: t, send: func(command string, params map[string]any) (json.RawMessage, error) {
		id++
		packet, err := json.Marshal([]any{0, id, "WebDriver:" + command, params})
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(conn, "%d:%s", len(packet), packet); err != nil {
			return nil, err
		}
		return readAnswer(in)
	}}
	d.must("NewSession", map[string]any{}, nil)
	return d
}

// readPacket reads what is framed as its length, a colon and so many bytes.
func readPacket(in *bufio.Reader) ([]byte, error) {
	length, err := in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		return nil, err
	}
	packet := make([]byte, n)
	_, err = io.ReadFull(in, packet)
	return packet, err
}

// readAnswer takes Marionette's answer apart: [1, id, error, result].
func readAnswer(in *bufio.Reader) (json.RawMessage, error) {
	packet, err := readPacket(in)
	if err != nil {
		return nil, err
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(packet, &parts); err != nil || len(parts) != 4 {
		return nil, fmt.Errorf("%s is no answer: %w", packet, err)
	}
	if string(parts[2]) != "null" {
		return nil, errors.New(string(parts[2]))
	}
	return parts[3], nil
}

// webKitPaths are the commands of WebDriver as requests.
var webKitPaths = map[string]string{"NewWindow": "/window/new", "SwitchToWindow": "/window", "Navigate": "/url", "ExecuteAsyncScript": "/execute/async"}

// WebKit starts the small browser of WebKitGTK on a screen in memory.
func WebKit(t testing.TB) *Driven {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")
	if err != nil || len(found) == 0 {
		t.Fatalf("this test needs WebKitGTK's MiniBrowser: install webkit2gtk-driver (%v)", err)
	}
	port := freePort(t)
	run(t, []string{"DISPLAY=" + screen(t), "HOME=" + t.TempDir()}, program(t, "WebKitWebDriver"), "--port="+strconv.Itoa(port))
	_ = dial(t, port).Close()
	base := fmt.Sprintf("http://127.0.0.1:%d/session", port)
	var session struct{ SessionID string }
	options := map[string]any{"binary": found[0], "args": []string{"--automation"}}
	answer, err := post(t.Context(), base, map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"webkitgtk:browserOptions": options}}})
	if err == nil {
		err = json.Unmarshal(answer, &session)
	}
	if err != nil {
		t.Fatalf("start WebKitGTK: %v", err)
	}
	base += "/" + session.SessionID
	t.Cleanup(func() {
		if req, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, base, nil); err == nil {
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close()
			}
		}
	})
	return &Driven{t: t, send: func(command string, params map[string]any) (json.RawMessage, error) {
		return post(t.Context(), base+webKitPaths[command], params)
	}}
}

// post sends a command and gives the value of its answer.
func post(ctx context.Context, url string, params map[string]any) (json.RawMessage, error) {
	body, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%d %s", res.StatusCode, answer.Value)
	}
	return answer.Value, nil
}

// screen starts an X server without a screen, and names it.
func screen(t testing.TB) (display string) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(program(t, "Xvfb"), "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{in}
	start(t, cmd)
	_ = in.Close()
	number, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("start Xvfb: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

func program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("this test needs %s: install it, as .ci/deps does", names[0])
	return ""
}

func run(t testing.TB, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	start(t, cmd)
}

// start runs a program, with all that it starts, until the test ends.
func start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// dial connects to a program that is starting.
func dial(t testing.TB, port int) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), starting)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the browser does not start: %v", err)
		case <-tick.C:
		}
	}
}

// must sends a command; the caller holds the browser or is alone with it.
func (d *Driven) must(command string, params map[string]any, out any) {
	d.t.Helper()
	answer, err := d.send(command, params)
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		d.t.Fatalf("%s: %v", command, err)
	}
}

// Tab opens another tab, in a window of its own: one in the background drops its
// connection after a minute, which is short for a busy machine.
func (d *Driven) Tab() *Window {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var made struct{ Handle string }
	d.must("NewWindow", map[string]any{"type": "window"}, &made)
	return &Window{browser: d, handle: made.Handle}
}

// Open loads an address and waits for its load event.
func (w *Window) Open(url string) {
	w.browser.t.Helper()
	w.browser.mu.Lock()
	defer w.browser.mu.Unlock()
	w.browser.must("SwitchToWindow", map[string]any{"handle": w.handle}, nil)
	w.browser.must("Navigate", map[string]any{"url": url}, nil)
}

// Value gives what a JavaScript expression, or the promise that it is, comes to.
func (w *Window) Value(expression string) (value string) {
	w.browser.t.Helper()
	w.browser.mu.Lock()
	defer w.browser.mu.Unlock()
	script := "const done = arguments[arguments.length - 1]; (async () => (" + expression + "))().then(v => done(v), error => done('error: ' + error))"
	w.browser.must("SwitchToWindow", map[string]any{"handle": w.handle}, nil)
	answer, err := w.browser.send("ExecuteAsyncScript", map[string]any{"script": script, "args": []any{}})
	if err != nil {
		w.browser.t.Fatalf("evaluate %s: %v", expression, err)
	}
	var wrapped struct{ Value *string }
	if json.Unmarshal(answer, &wrapped) == nil && wrapped.Value != nil {
		return *wrapped.Value
	}
	if err := json.Unmarshal(answer, &value); err != nil {
		w.browser.t.Fatalf("evaluate %s: %v in %s", expression, err, answer)
	}
	return value
}
