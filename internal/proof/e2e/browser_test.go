package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"dateline/admin"
	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/pgtest"
)

// newsroom is an editor and two readers, each in a browser of their own, on a
// node that may die.
type newsroom struct {
	t       *testing.T
	dsn     string
	node    *process
	editor  *browsertest.Page
	readers []*browsertest.Page
}

// TestE2E_KillAndRestart follows a post from the editor's keyboard to two
// readers' pages, over the death and the return of the only node.
func TestE2E_KillAndRestart(t *testing.T) {
	t.Parallel()
	n := newNewsroom(t)
	n.setUp()
	n.addMember()
	for range 2 {
		n.readers = append(n.readers, n.read("/b/first-blog"))
	}
	for i := range 4 {
		n.publish(fmt.Sprintf("Post %d", i))
	}
	n.edit("Post 1")
	n.press(n.post("Post 2") + ` [data-testid="pin"]`)
	n.editor.Wait(`document.querySelector('[data-testid="pin"][aria-pressed="true"]')`)
	n.remove("Post 3")
	n.dieAndReturn()
	n.edit("Post 0")
	n.publish("The last one")
	n.remove("Written while the server was away 0")
	n.checkReaders()
	n.checkAccessibility()
	n.node.noPanic()
}

func newNewsroom(t *testing.T) *newsroom {
	t.Helper()
	if _, err := fs.Stat(admin.FS, "dist/index.html"); err != nil {
		t.Fatal("the editors' page is not built: run `make admin`")
	}
	dsn := pgtest.DSN(t)
	return &newsroom{t: t, dsn: dsn, node: startProcess(t, dsn)}
}

// watchPage keeps what a page tells of the events that it applied, and of the
// places where it read itself anew.
const watchPage = `
	window.seen = []
	document.addEventListener('dateline:event', e => seen.push({event: e.detail.seq}))
	new MutationObserver(changes => {
		for (const c of changes) if (c.target.localName === 'main') seen.push({page: +c.target.dataset.seq})
	}).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-seq']})`

// open opens a page that may lose its server.
func (n *newsroom) open(path string) *browsertest.Page {
	p := browsertest.New(n.t)
	p.Expect("net::ERR_")
	p.Before(watchPage)
	p.Before(readAxe(n.t))
	p.Open(n.node.url + path)
	return p
}

func (n *newsroom) read(path string) *browsertest.Page {
	p := n.open(path)
	p.Wait(`document.querySelector('.badge')?.textContent === 'Live'`)
	return p
}

// setUp makes the first user by the link that the server left, and a blog.
func (n *newsroom) setUp() {
	n.t.Helper()
	link, err := os.ReadFile(filepath.Join(n.node.data, "setup-link"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.editor = n.open(strings.TrimPrefix(strings.TrimSpace(string(link)), n.node.url))
	n.editor.Expect("status of 401") // the page asks whether it is signed in
	n.fill(`[data-testid="setup-name"]`, "Ada")
	n.fill(`[data-testid="setup-email"]`, adminEmail)
	n.fill(`[data-testid="setup-password"]`, adminPassword)
	n.press(`[data-testid="setup-submit"]`)
	n.fill(`[data-testid="blog-title"]`, "First blog")
	n.press(`[data-testid="create-blog"]`)
	n.editor.Wait(`document.querySelector('[data-testid="connection"][data-state="live"]')`)
}

// addMember makes an account that may only look, and then an editor of the one blog of it.
func (n *newsroom) addMember() {
	n.t.Helper()
	n.editor.Open(n.node.url + "/admin/#/users")
	n.press(`[data-testid="add-user"]`)
	n.fill(`[data-testid="user-name"]`, "Vera")
	n.fill(`[data-testid="user-email"]`, "vera@example.org")
	n.fill(`[data-testid="user-password"]`, adminPassword)
	n.choose(`[data-testid="user-role"]`, "Viewer")
	n.press(`[data-testid="save-user"]`)
	n.editor.Wait(`document.querySelectorAll('[data-testid="user-list"] li').length === 2`)
	n.editor.Open(n.node.url + "/admin/#/blogs/first-blog")
	n.press(`[data-testid="members-link"]`)
	const member = `[data-testid="member-list"] [data-user] `
	n.choose(`[data-testid="member-user"]`, "Vera")
	n.press(`[data-testid="add-member"]`)
	n.editor.Wait(fmt.Sprintf("document.querySelector(%q)?.value === 'editor'", member+"select"))
	n.choose(member+"select", "Contributor")
	n.press(member + `[data-testid="remove-member"]`)
	n.press(`[data-testid="confirm-yes"]`)
	n.editor.Wait(fmt.Sprintf("!document.querySelector(%q)", member))
	n.choose(`[data-testid="member-user"]`, "Vera")
	n.press(`[data-testid="add-member"]`)
	n.editor.Wait(fmt.Sprintf("document.querySelector(%q)", member))
	n.press(`[data-testid="back-to-desk"]`)
	n.editor.Wait(`document.querySelector('[data-testid="connection"][data-state="live"]')`)
}

// choose picks the option of a select whose text begins with what is given.
func (n *newsroom) choose(selector, text string) {
	n.t.Helper()
	option := fmt.Sprintf("[...document.querySelector(%q)?.options ?? []].find(o => o.text.startsWith(%q))", selector, text)
	n.editor.Wait(option)
	browsertest.Eval[bool](n.editor, fmt.Sprintf(`(() => {
		const select = document.querySelector(%q)
		select.value = %s.value
		return select.dispatchEvent(new Event('change', {bubbles: true}))
	})()`, selector, option))
}

// fill types into a field as a person does.
func (n *newsroom) fill(selector, text string) {
	n.t.Helper()
	n.editor.Wait(fmt.Sprintf("document.querySelector(%q)", selector))
	n.editor.Do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

func (n *newsroom) press(selector string) {
	n.t.Helper()
	n.editor.Wait(fmt.Sprintf("document.querySelector(%q)", selector))
	n.editor.Do(chromedp.Click(chromedp.CSS(selector)))
}

// write fills the composer and sends it off; whether it arrives is another matter.
func (n *newsroom) write(title string) {
	n.t.Helper()
	const composer = `[data-testid="composer"] `
	n.fill(composer+`[data-testid="post-title"]`, title)
	n.fill(composer+`.ProseMirror`, "Text of "+title+" & <more> *stars*.")
	n.press(composer + `[data-testid="publish"]`)
	n.editor.Wait(`document.querySelector('[data-testid="composer"] [data-testid="post-title"]').value === ''`)
}

func (n *newsroom) publish(title string) {
	n.t.Helper()
	n.write(title)
	n.editor.Wait(n.find(title))
}

// find is the expression for a post of the editor's timeline, by its title.
func (n *newsroom) find(title string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('[data-testid="post"]')].find(a => a.querySelector('h3')?.textContent === %q)`, title)
}

// post is the selector of a post of the editor's timeline.
func (n *newsroom) post(title string) string {
	n.t.Helper()
	n.editor.Wait(n.find(title))
	return fmt.Sprintf(`[data-post-id="%s"]`, browsertest.Eval[string](n.editor, n.find(title)+".dataset.postId"))
}

func (n *newsroom) edit(title string) {
	n.t.Helper()
	post := n.post(title)
	n.press(post + ` [data-testid="edit"]`)
	n.fill(post+` [data-testid="post-title"]`, " corrected")
	n.fill(post+` .ProseMirror`, " One more line.")
	n.press(post + ` [data-testid="save-edit"]`)
	n.editor.Wait(`!document.querySelector('[data-testid="edit-form"]')`)
}

func (n *newsroom) remove(title string) {
	n.t.Helper()
	post := n.post(title)
	n.press(post + ` [data-testid="delete"]`)
	n.editor.Wait(fmt.Sprintf("!document.querySelector(%q)", post))
}

// dieAndReturn kills the node, has posts written meanwhile, and starts it again
// at the same address.
func (n *newsroom) dieAndReturn() {
	n.t.Helper()
	n.node.kill()
	died := time.Now()
	for _, r := range n.readers {
		r.Wait(`document.querySelector('.badge').textContent === 'Reconnecting…'`)
	}
	for i := range 2 {
		n.write(fmt.Sprintf("Written while the server was away %d", i))
	}
	n.editor.Wait(`document.querySelectorAll('[data-testid="outbox-entry"]').length === 2`)
	old := n.node
	n.node = startProcess(n.t, n.dsn, "--listen="+strings.TrimPrefix(old.url, "http://"))
	returned := time.Now()
	n.editor.Wait(`!document.querySelector('[data-testid="outbox"]')`)
	sent := time.Since(returned)
	n.editor.Wait(n.find("Written while the server was away 1"))
	for _, r := range n.readers {
		r.Wait(`document.querySelector('.badge').textContent === 'Live'`)
	}
	n.t.Logf("away for %v; the outbox was empty after %v, editor and readers live after %v", returned.Sub(died).Round(time.Millisecond),
		sent.Round(time.Millisecond), time.Since(returned).Round(time.Millisecond))
}

// sighting is one thing that watchPage saw.
type sighting struct {
	Event int64
	Page  int64
}

func (n *newsroom) checkReaders() {
	n.t.Helper()
	w := readTruth(n.t, n.dsn, "first-blog")
	if err := w.checkLog(); err != nil {
		n.t.Error(err)
	}
	for i, r := range n.readers {
		r.Wait(fmt.Sprintf("+document.querySelector('main').dataset.lastSeq === %d", w.head()))
		reloads, err := checkSightings(browsertest.Eval[[]sighting](r, "seen"), w.head())
		if err != nil {
			n.t.Errorf("reader %d: %v", i, err)
		}
		if err := w.checkDOM(r); err != nil {
			n.t.Errorf("reader %d: %v", i, err)
		}
		n.t.Logf("reader %d applied %d events, read the page anew %d times, shows %d posts", i, w.head(), reloads, len(w.timeline()))
	}
}

// checkSightings reports a hole or a repetition in what a page applied, from the
// empty blog on. A page that was read anew may skip ahead, never back.
func checkSightings(seen []sighting, head int64) (reloads int, err error) {
	var last int64
	for _, s := range seen {
		switch {
		case s.Event != 0 && s.Event != last+1:
			return reloads, fmt.Errorf("event %d after %d", s.Event, last)
		case s.Event == 0 && s.Page < last:
			return reloads, fmt.Errorf("the page went back from %d to %d", last, s.Page)
		case s.Event == 0:
			reloads++
		}
		last = max(s.Event, s.Page)
	}
	if last != head {
		return reloads, fmt.Errorf("the page ends at %d, the log at %d", last, head)
	}
	return reloads, nil
}

// shown is one article as a reader's page has it.
type shown struct {
	ID      string
	Version string
	Title   string
	Same    bool // the text is what the browser makes of the stored HTML
}

// readArticles lists the articles of the feed. The button for new posts is
// pressed first, as a reader does.
const readArticles = `(wanted => {
	document.querySelector('.pill')?.click()
	const parsed = html => { const t = document.createElement('template'); t.innerHTML = html; return t.innerHTML }
	return [...document.querySelectorAll('.feed > article:not([hidden])')].map(a => ({
		ID: a.dataset.id, Version: a.dataset.version, Title: a.querySelector('h2')?.textContent ?? '',
		Same: a.querySelector('.post-body').innerHTML === parsed(wanted[a.dataset.id]),
	}))
})(%s)`

// checkDOM compares what a reader sees with the database, in order.
func (w truth) checkDOM(p *browsertest.Page) error {
	texts := map[string]string{}
	for _, post := range w.posts {
		texts[post.ID] = post.HTML
	}
	wanted, err := json.Marshal(texts)
	if err != nil {
		return err
	}
	timeline, articles := w.timeline(), browsertest.Eval[[]shown](p, fmt.Sprintf(readArticles, wanted))
	if len(articles) != len(timeline) {
		return fmt.Errorf("the page shows %d articles, the blog has %d posts", len(articles), len(timeline))
	}
	for i, post := range timeline {
		if want := (shown{post.ID, fmt.Sprint(post.Version), post.Title, true}); articles[i] != want {
			return fmt.Errorf("place %d: the page shows %+v, the database has %+v", i, articles[i], want)
		}
	}
	return nil
}
