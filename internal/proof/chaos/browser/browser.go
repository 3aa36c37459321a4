// Package browser opens readers' pages in a real Chromium and compares what they
// show, without being loaded anew, with what they should show.
//
// Start starts the browser; Close ends it and its tabs.
package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// names under which systems install Chromium.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// Browser is one Chromium; its tabs share storage, channels and connections, as
// those of one reader do.
type Browser struct {
	ctx  context.Context
	stop func()
}

// Tab is a page that stays open.
type Tab struct {
	What string // it is called
	ctx  context.Context
	stop context.CancelFunc
}

// Post is a post as a page should show it.
type Post struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Title   string `json:"title"`
	HTML    string `json:"html"`
}

// Content is what a page should show: the beginning of Posts, at least Least of
// them if there are so many, and these key events.
type Content struct {
	Posts []Post `json:"posts"`
	Least int    `json:"least"`
	Keys  []Post `json:"keys"`
}

// loading is how long a page may take to load.
const loading = 20 * time.Second

// Start starts Chromium. ctx limits the start only.
func Start(ctx context.Context) (*Browser, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(time.Minute))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.WithoutCancel(ctx), options...)
	browser, stopBrowser := chromedp.NewContext(allocator)
	b := &Browser{ctx: browser, stop: func() { stopBrowser(); stopAllocator() }}
	if err := chromedp.Do(browser); err != nil {
		b.stop()
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	return b, nil
}

// Close ends the browser.
func (b *Browser) Close() { b.stop() }

// find names the binary: DATELINE_CHROMIUM, or the first one on the PATH.
func find() (string, error) {
	if path := os.Getenv("DATELINE_CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium: install it, or name its binary in DATELINE_CHROMIUM")
}

// mute keeps a page from reporting views, which nobody would have logged.
const mute = `navigator.sendBeacon = () => true`

// Open opens a page in a tab of its own and waits until it is loaded. The tab is
// marked: a page that is loaded anew has no mark.
func (b *Browser) Open(what, url string) (*Tab, error) {
	ctx, stop := chromedp.NewContext(b.ctx)
	t := &Tab{What: what, ctx: ctx, stop: stop}
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, loading)
	defer cancel()
	err := chromedp.Do(limited, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: mute})
		return err
	}), chromedp.Navigate(url))
	if err == nil {
		_, err = chromedp.Run(limited, chromedp.Evaluate[bool](`(window.openedByChaos = true)`))
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("the %s at %s was not loaded within %v: %w", what, url, loading, err)
	}
	return t, nil
}

//go:embed compare.js
var compare string

// Compare lists how the page differs from what it should show.
func (t *Tab) Compare(want Content) (wrong []string, err error) {
	text, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.ctx, loading)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[[]string](fmt.Sprintf("(%s)(%s)", compare, text)))
}
