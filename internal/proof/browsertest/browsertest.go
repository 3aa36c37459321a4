// Package browsertest opens pages in a real Chromium, for tests only. What a
// page writes to the console as an error, an uncaught exception and a violation
// of the content security policy fail the test.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	protolog "github.com/chromedp/cdproto/log"
)

// patience is how long Wait waits for what should take a moment.
const patience = 15 * time.Second

// names under which systems install Chromium.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// Page is one tab in a browser context of its own: no test sees the storage of another.
type Page struct {
	t        testing.TB
	ctx      context.Context
	mu       sync.Mutex
	problems []string
	expected []string
}

// New opens an empty tab of 1280 x 800, closed when the test ends.
func New(t testing.TB) *Page {
	t.Helper()
	return open(t, acquire(t), chromedp.WithNewBrowserContext())
}

// Tab opens another tab beside a page, with the same storage, cookies and
// connections.
func (p *Page) Tab() *Page {
	p.t.Helper()
	return open(p.t, p.ctx)
}

func open(t testing.TB, browser context.Context, options ...chromedp.ContextOption) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, options...)
	p := &Page{t: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		p.check()
	})
	p.must(chromedp.Do(ctx))
	p.must(chromedp.Listen(ctx, p.listen))
	p.Viewport(1280, 800)
	return p
}

// Expect says that messages which contain text are part of the test.
func (p *Page) Expect(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, text)
}

// Viewport sets the size of the visible part of the page, in CSS pixels.
func (p *Page) Viewport(width, height int64) {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.EmulateViewport(width, height)))
}

// Before runs a script in every document before its own scripts.
func (p *Page) Before(script string) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// Open loads an address and waits for its load event.
func (p *Page) Open(url string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(url))
}

// Do runs any chromedp steps.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, steps...))
}

// Wait waits until a JavaScript expression is true, also across a navigation,
// and fails the test if it stays false.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	poll := chromedp.Poll[bool]("!!("+expression+")", chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(20*time.Millisecond))
	_, err := chromedp.Run(ctx, poll)
	for err != nil && ctx.Err() == nil { // the document went away meanwhile, or a test hastens the page's clock
		_, err = chromedp.Run(ctx, poll)
	}
	if err != nil {
		p.t.Fatalf("wait for %s: %v", expression, err)
	}
}

// Click clicks the first element that matches, by script: hidden ones too.
func (p *Page) Click(selector string) {
	p.t.Helper()
	Eval[bool](p, fmt.Sprintf("(document.querySelector(%q).click(), true)", selector))
}

// Eval gives the value of a JavaScript expression.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// Value is Eval for what is a text.
func (p *Page) Value(expression string) string {
	p.t.Helper()
	return Eval[string](p, expression)
}

func (p *Page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// listen runs on the goroutine of the tab.
func (p *Page) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.note(exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			p.note(fmt.Sprint("console.error: ", describe(e.Args)))
		}
	case *protolog.EventEntryAdded:
		if e.Entry.Level == protolog.EntryLevelError {
			p.note(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

func describe(args []*runtime.RemoteObject) string {
	var out []string
	for _, a := range args {
		out = append(out, a.Description+string(a.Value))
	}
	return strings.Join(out, " ")
}

func (p *Page) note(problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

func (p *Page) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		if !containsAny(problem, p.expected) {
			p.t.Errorf("the page reports: %s", problem)
		}
	}
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// The browser is shared by the tests that run at the same time, and closed
// with the last of them.
var (
	mu     sync.Mutex
	users  int
	shared context.Context
	stop   func()
)

func acquire(t testing.TB) context.Context {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if users == 0 {
		launch(t)
	}
	users++
	t.Cleanup(release)
	return shared
}

func release() {
	mu.Lock()
	defer mu.Unlock()
	if users--; users == 0 {
		stop()
	}
}

func launch(t testing.TB) {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(time.Minute))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		stopAllocator()
		t.Fatalf("start Chromium: %v", err)
	}
	shared, stop = ctx, func() { stopBrowser(); stopAllocator() }
}

// find names the binary: DATELINE_CHROMIUM, or the first one on the PATH.
func find(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("DATELINE_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("this test needs Chromium: install it, or name its binary in DATELINE_CHROMIUM (looked on the PATH for %s)", strings.Join(names, ", "))
	return ""
}
