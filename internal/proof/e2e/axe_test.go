package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"dateline/internal/proof/browsertest"
)

// readAxe reads the accessibility checker that comes with the editors' page's tools.
func readAxe(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("../../../admin/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run `make admin`", err)
	}
	return string(script)
}

// runAxe lists what keeps people from using the page.
const runAxe = `axe.run(document).then(({passes, violations}) => {
	if (passes.length < 10) return ['only ' + passes.length + ' rules found anything to check']
	return violations
		.filter(v => v.impact === 'serious' || v.impact === 'critical')
		.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' (' + n.failureSummary + ')').join('; '))
})`

// looks are the ways in which pages are seen.
var looks = []struct {
	name          string
	scheme        string
	width, height int64
}{
	{"light", "light", 1280, 800},
	{"dark", "dark", 1280, 800},
	{"phone", "light", 390, 844},
}

// checkAccessibility looks at the pages of readers and editors as they are after
// a day's work.
func (n *newsroom) checkAccessibility() {
	n.t.Helper()
	for _, look := range looks {
		reader := n.readers[0]
		dress(reader, look.scheme, look.width, look.height)
		for path, ready := range map[string]string{
			"/":             "document.querySelector('main a')",
			"/b/first-blog": "document.querySelector('.badge')?.textContent === 'Live'",
		} {
			reader.Open(n.node.url + path)
			n.axe(reader, look.name+" "+path, ready)
		}
		dress(n.editor, look.scheme, look.width, look.height)
		for path, ready := range map[string]string{
			"blogs":                    `document.querySelector('[data-testid="blog-list"] a')`,
			"blogs/first-blog":         `document.querySelector('[data-testid="post"]') && document.querySelector('.ProseMirror')`,
			"blogs/first-blog/members": `document.querySelector('[data-testid="member-list"] select')`,
			"users":                    "document.querySelector('main h1')", "tokens": "document.querySelector('main h1')",
			"account": "document.querySelector('main h1')", "new": `document.querySelector('[data-testid="blog-title"]')`,
		} {
			n.editor.Open(n.node.url + "/admin/#/" + path)
			n.axe(n.editor, look.name+" #/"+path, "location.hash.endsWith('"+path+"') && "+ready)
		}
	}
}

func (n *newsroom) axe(p *browsertest.Page, name, ready string) {
	n.t.Helper()
	p.Wait(ready)
	for _, violation := range browsertest.Eval[[]string](p, runAxe) {
		n.t.Errorf("%s: %s", name, violation)
	}
}

// dress sets colours and size of a page, without movement.
func dress(p *browsertest.Page, scheme string, width, height int64) {
	p.Viewport(width, height)
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	}))
}
