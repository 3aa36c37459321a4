package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/browsertest"
	"dateline/internal/proof/pgtest"
)

// TestE2E_PagesAreLikeFreshOnes does what editors do, at random, and compares each
// kind of page, open all the time, with what the server shows at its address.
func TestE2E_PagesAreLikeFreshOnes(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			e := newEditing(t, seed)
			pages := e.openPages()
			for batch := range 3 {
				for range 20 {
					e.step()
				}
				for path, p := range pages {
					e.compare(batch, path, p)
				}
			}
		})
	}
}

// editing is a blog under random changes.
type editing struct {
	t       *testing.T
	random  *rand.Rand
	robot   *robot
	node    string
	blog    string // its address in the API
	posts   []*eventData
	removed []*eventData
	kept    *eventData // has a page of its own, and stays
	ended   bool
	done    []string
}

// newEditing makes a blog that is longer than a page and has more key events than a
// page lists.
func newEditing(t *testing.T, seed uint64) *editing {
	t.Helper()
	dsn := pgtest.DSN(t)
	e := &editing{t: t, random: rand.New(rand.NewPCG(seed, 0)), robot: newRobot(t, dsn), node: startProcess(t, dsn).url}
	e.robot.newBlog(t, e.node, "fresh")
	e.blog = e.node + "/api/v1/blogs/fresh"
	for range 70 {
		e.publish()
	}
	e.kept = e.posts[30]
	e.posts = slices.Delete(e.posts, 30, 31)
	e.done = nil
	return e
}

// comparing gives a page what compares it with fresh ones. What it shows may go on
// where a fresh page ends, as long as that is what the next page shows.
const comparing = `
const shown = root => {
	const text = (e, selector) => e.querySelector(selector)?.textContent ?? ''
	const post = a => [a.dataset.id, a.dataset.version, text(a, 'h2'), text(a, '.post-body'), text(a, '.tags'), text(a, '.flag'), text(a, '.byline')].join('|')
	const all = selector => [...root.querySelectorAll(selector)]
	return {
		head: [text(root, 'h1'), text(root, '.summary'), root.querySelector('.empty')?.hidden, root.querySelector('.key-events')?.hidden].join('|'),
		posts: all('.feed > article').map(post), pinned: all('.pinned article').map(post),
		keys: all('.key-events li').map(li => li.dataset.id + '|' + text(li, 'span')), next: root.querySelector('.pages.older a')?.href ?? '',
	}
}
const readPage = async url => {
	const answer = await fetch(url, { cache: 'no-store' })
	if (!answer.ok) throw 'answered ' + answer.status
	const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
	return { title: page.title, ...shown(page.querySelector('main')) }
}
window.differs = async () => {
	const fresh = await readPage(location.href), ours = shown(document.querySelector('main'))
	const title = document.title.replace(/^\(\d+\) /, '')
	if (title !== fresh.title) return 'title ' + title + ', want ' + fresh.title
	for (const part of ['head', 'keys', 'pinned'])
		if (String(ours[part]) !== String(fresh[part])) return part + '\n' + ours[part] + '\nwant\n' + fresh[part]
	let wanted = fresh.posts, next = fresh.next
	while (wanted.length < ours.posts.length && next) {
		const more = await readPage(next)
		wanted = wanted.concat(more.posts)
		next = more.next
	}
	if (ours.posts.length < fresh.posts.length || String(ours.posts) !== String(wanted.slice(0, ours.posts.length)))
		return 'posts\n' + ours.posts.join('\n') + '\nwant\n' + wanted.join('\n')
	const follows = ours.next ? (await readPage(ours.next)).posts[0] : undefined
	if (wanted.length > ours.posts.length ? follows !== wanted[ours.posts.length] : next && follows !== (await readPage(next)).posts[0])
		return 'the next page begins with ' + follows
	return ''
}`

// openPages opens a page of each kind, as tabs of one browser.
func (e *editing) openPages() map[string]*browsertest.Page {
	e.t.Helper()
	place := e.posts[40].Position
	p := browsertest.New(e.t)
	pages := map[string]*browsertest.Page{}
	for _, path := range []string{
		"", "?tag=a", "?filter=key", "?order=oldest", "?tag=b&filter=key", fmt.Sprint("?before=", place), fmt.Sprint("?order=oldest&after=", e.posts[55].Position),
		fmt.Sprintf("?before=%d&tag=a", place), "/p/" + e.kept.ID,
	} {
		if len(pages) > 0 {
			p = p.Tab()
		}
		p.Expect("status of 503") // a busy node may say so
		p.Before(comparing)
		p.Open(e.node + "/b/fresh" + path)
		pages[path] = p
	}
	return pages
}

// step is one random change.
func (e *editing) step() {
	e.t.Helper()
	kinds := map[string]func(){"edit": e.edit, "remove": e.remove, "pin": e.pin, "title": e.rename}
	if len(e.removed) > 0 {
		kinds["restore"], kinds["restore again"] = e.restore, e.restore
	}
	if e.ended {
		kinds["reopen"] = e.toggle
	} else {
		kinds["publish"], kinds["publish more"] = e.publish, e.publish
		if e.random.IntN(8) == 0 {
			kinds["end"] = e.toggle
		}
	}
	name := pick(e.random, slices.Sorted(maps.Keys(kinds)))
	kinds[name]()
	e.done = append(e.done, name)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (e *editing) fields() map[string]any {
	n := e.random.IntN(1000)
	body := map[string]any{"body": fmt.Sprintf("Text %d of a post. And a *second* sentence.", n), "key_event": e.random.IntN(2) == 0, "tags": []string{}, "title": ""}
	if e.random.IntN(3) > 0 {
		body["title"] = fmt.Sprint("Title ", n)
	}
	for _, tag := range []string{"a", "b"} {
		if e.random.IntN(2) == 0 {
			body["tags"] = append(body["tags"].([]string), tag)
		}
	}
	return body
}

func (e *editing) send(method, path string, body any, version int64, out any) {
	e.t.Helper()
	var headers []string
	if version > 0 {
		headers = []string{"If-Match", fmt.Sprintf(`"v%d"`, version)}
	}
	e.robot.must(e.t, method, e.blog+path, body, out, headers...)
}

func (e *editing) publish() {
	e.t.Helper()
	p := &eventData{}
	e.send(http.MethodPost, "/posts", e.fields(), 0, p)
	e.posts = append(e.posts, p)
}

func (e *editing) edit() {
	e.t.Helper()
	p := pick(e.random, append(slices.Clone(e.posts), e.kept))
	e.send(http.MethodPatch, "/posts/"+p.ID, e.fields(), p.Version, p)
}

// newer is mostly one of those that are on the first page.
func (e *editing) newer() int {
	if e.random.IntN(3) > 0 {
		return len(e.posts) - 1 - e.random.IntN(18)
	}
	return e.random.IntN(len(e.posts))
}

func (e *editing) remove() {
	e.t.Helper()
	i := e.newer()
	p := e.posts[i]
	e.send(http.MethodDelete, "/posts/"+p.ID, nil, p.Version, nil)
	e.posts, e.removed = slices.Delete(e.posts, i, i+1), append(e.removed, p)
}

func (e *editing) restore() {
	e.t.Helper()
	i := e.random.IntN(len(e.removed))
	p := e.removed[i]
	e.send(http.MethodPost, "/posts/"+p.ID+"/restore", nil, 0, nil)
	e.send(http.MethodGet, "/posts/"+p.ID, nil, 0, p)
	e.removed, e.posts = slices.Delete(e.removed, i, i+1), append(e.posts, p)
	slices.SortFunc(e.posts, func(a, b *eventData) int { return int(a.Position - b.Position) })
}

func (e *editing) pin() {
	e.t.Helper()
	body := map[string]any{"post_id": nil}
	if e.random.IntN(4) > 0 {
		body["post_id"] = e.posts[e.newer()].ID
	}
	e.send(http.MethodPut, "/pinned", body, 0, nil)
}

func (e *editing) rename() {
	e.t.Helper()
	var blog struct{ Version int64 }
	e.send(http.MethodGet, "", nil, 0, &blog)
	e.send(http.MethodPatch, "", map[string]any{"title": fmt.Sprint("Title ", e.random.IntN(100)), "summary": fmt.Sprint("Summary ", e.random.IntN(100))}, blog.Version, nil)
}

func (e *editing) toggle() {
	e.t.Helper()
	e.ended = !e.ended
	e.send(http.MethodPost, map[bool]string{true: "/end", false: "/reopen"}[e.ended], nil, 0, nil)
}

// compare waits until a page is as a fresh one. A page of a blog that is over looks
// by itself once a minute: coming back online makes it look now.
func (e *editing) compare(batch int, path string, p *browsertest.Page) {
	e.t.Helper()
	var last string
	limit := time.Now().Add(30 * time.Second)
	for last = "?"; last != "" && time.Now().Before(limit); {
		if browsertest.Eval[string](p, "document.querySelector('.badge').textContent") == "Ended" {
			browsertest.Eval[bool](p, "dispatchEvent(new Event('online'))")
		}
		last = browsertest.Eval[string](p, "new Promise(done => setTimeout(done, 50)).then(differs).catch(String)")
	}
	if last != "" {
		e.t.Fatalf("batch %d (%s), page %q: %s", batch, strings.Join(e.done, ", "), path, last)
	}
}
