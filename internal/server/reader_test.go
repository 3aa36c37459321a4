package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dateline/internal/liveblog"
	"dateline/internal/proof/browsertest"
)

const (
	feedIDs = `[...document.querySelectorAll('.feed > article')].map(a => +a.dataset.position).join(' ')`
	applied = `+document.querySelector('main').dataset.lastSeq`
	badge   = `document.querySelector('.badge').textContent`
	// hide makes the page believe its tab is hidden; show the opposite.
	hide = `Object.defineProperty(document, 'hidden', { value: true, configurable: true }), document.dispatchEvent(new Event('visibilitychange'))`
	show = `Object.defineProperty(document, 'hidden', { value: false, configurable: true }), document.dispatchEvent(new Event('visibilitychange'))`
	// hasten makes long waits short: every wait of a second or more takes a tenth.
	hasten = `{ const real = setTimeout; window.setTimeout = (f, time, ...rest) => real(f, time >= 1000 ? time / 10 : time, ...rest) }`
	// watchBadge keeps every state that the reader is told.
	watchBadge = `(window.states = [], new MutationObserver(() => states.push(document.querySelector('.badge').textContent)).observe(document.querySelector('.badge'), { childList: true }), true)`
	// record keeps every applied event.
	record = `window.log = []; addEventListener('dateline:event', e => log.push(e.detail.type + e.detail.seq))`
)

func TestLivePostsEditsAndRemovals(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final")
	c := s.open()
	p.Wait(`document.querySelector('.readers').textContent === '7 reading now'`)
	if !strings.Contains(c.query, "after=3") || !strings.Contains(c.query, "epoch="+testEpoch) {
		t.Errorf("the stream starts with %s", c.query)
	}
	edited := testPost(2, "Post 2, corrected", "<p>New text</p>")
	edited.Version, edited.KeyEvent = 2, true
	removed, back := testPost(3, "", ""), testPost(3, "Post 3 again", "<p>Back</p>")
	removed.Status, removed.Version, back.Version = liveblog.PostRemoved, 2, 3
	old := testPost(2, "Post 2, stale", "<p>Old</p>")
	c.post(4, liveblog.EventPost, testPost(4, "Fourth", `<p>Fresh <b>text</b></p>`))
	c.post(4, liveblog.EventPost, testPost(99, "Again", "<p>duplicate seq</p>"))
	c.post(5, liveblog.EventUpdate, edited)
	c.post(6, liveblog.EventDelete, removed)
	c.post(7, liveblog.EventUpdate, old)
	p.Wait(applied + " === 7")
	if got := browsertest.Eval[string](p, feedIDs); got != "4 2 1" {
		t.Errorf("posts %s", got)
	}
	if got := browsertest.Eval[string](p, `document.querySelector('.feed [data-position="2"] h2').textContent`); got != "Post 2, corrected" {
		t.Errorf("an older version replaced a newer one: %s", got)
	}
	if got := browsertest.Eval[string](p, `document.querySelector('.key-events li a').hash`); got != "#p-"+testID(2).String() {
		t.Errorf("key event links to %s", got)
	}
	if got := browsertest.Eval[string](p, `document.querySelector('.feed article .post-body').innerHTML`); got != "<p>Fresh <b>text</b></p>" {
		t.Errorf("body %s", got)
	}
	c.post(8, liveblog.EventPost, back)
	p.Wait(applied + " === 8")
	if got := browsertest.Eval[string](p, feedIDs); got != "4 3 2 1" {
		t.Errorf("a restored post is not in its place: %s", got)
	}
	if got := browsertest.Eval[string](p, `log.join(' ')`); got != "post4 update5 delete6 update7 post8" {
		t.Errorf("applied %s", got)
	}
	p.Wait(`document.querySelector('.announce').textContent === '1 new update'`)
}

func TestNewPostsWaitWhileTheReaderIsElsewhere(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(20))
	p := openPage(t, s, "/b/cup-final")
	c := s.open()
	p.Wait(badge + ` === 'Live'`)
	browsertest.Eval[bool](p, `(scrollTo({ top: 2500, behavior: 'instant' }), true)`)
	before := browsertest.Eval[float64](p, `document.getElementById('p-`+testID(12).String()+`').getBoundingClientRect().top`)
	c.post(21, liveblog.EventPost, testPost(21, "Twenty-one", "<p>a</p>"))
	c.post(22, liveblog.EventPost, testPost(22, "Twenty-two", "<p>b</p>"))
	long := testPost(19, "Post 19", "<p>"+strings.Repeat("longer text ", 300)+"</p>")
	long.Version = 2
	c.post(23, liveblog.EventUpdate, long)
	p.Wait(applied + " === 23")
	if got := browsertest.Eval[string](p, `document.querySelector('.pill').textContent + '|' + document.title`); got != "2 new posts|(2) Cup final, as it happened" {
		t.Errorf("got %s", got)
	}
	p.Wait(fmt.Sprintf(`Math.abs(document.getElementById('p-%s').getBoundingClientRect().top - %f) < 2`, testID(12), before))
	p.Click(".pill")
	p.Wait(`!document.querySelector('.feed > [hidden]')`)
	if got := browsertest.Eval[string](p, `document.activeElement.id + ' ' + document.querySelector('.pill').hidden + document.title`); got != "p-"+testID(22).String()+" trueCup final, as it happened" {
		t.Errorf("after the button: %s", got)
	}
}

// TestEachParagraphHasItsOwnDirection looks at which side of the post its texts stand.
func TestEachParagraphHasItsOwnDirection(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final")
	c := s.open()
	mixed := testPost(4, "نجمة الأولى!", "<p>English</p><p>المركز الرابع</p><ul><li>one</li><li>שלום</li></ul>")
	mixed.KeyEvent = true
	c.post(4, liveblog.EventPost, mixed)
	p.Wait(applied + " === 4")
	sides := browsertest.Eval[string](p, `(() => {
		const side = element => {
			const text = document.createRange()
			text.selectNodeContents(element)
			const at = text.getBoundingClientRect(), box = element.closest('.post-body, li:not(.post-body li)').getBoundingClientRect()
			return at.left - box.left < box.right - at.right ? 'left' : 'right'
		}
		return [...document.querySelectorAll('.feed .post:first-of-type .post-body :is(p, li), .key-events li:first-child span')].map(side).join(' ')
	})()`)
	if want := "left left right left left"; sides != want {
		t.Errorf("key event, paragraphs and items stand %s, want %s", sides, want)
	}
}

func TestClosedPinnedPostTellsItsHeadline(t *testing.T) {
	t.Parallel()
	f := cupFinal(3)
	f.blog.PinnedPostID = &f.posts[1].ID
	s := newScripted(t, f)
	p := openPage(t, s, "/b/cup-final")
	p.Click(".pinned summary")
	if got := browsertest.Eval[string](p, `document.querySelector('.pinned').innerText.trim().replace(/\s+/g, ' ')`); got != "Pinned Post 2" {
		t.Errorf("closed, the pinned post shows %q", got)
	}
}

func TestHiddenTabHoldsPostsAndLetsGoOfTheStream(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final", hasten)
	c := s.open()
	p.Wait(badge + ` === 'Live'`)
	browsertest.Eval[bool](p, hide)
	c.post(4, liveblog.EventPost, testPost(4, "Four", "<p>a</p>"))
	p.Wait(`document.title.startsWith('(1)')`)
	<-c.done
	browsertest.Eval[bool](p, show)
	p.Wait(`!document.querySelector('.feed > [hidden]') && !document.title.startsWith('(')`)
	if again := s.open(); !strings.Contains(again.query, "after=4") {
		t.Errorf("resumes with %s", again.query)
	}
}

func TestGapAndResetReadThePageAnew(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final", hasten)
	c := s.open()
	s.f.change(func(f *fakePages) {
		f.posts = append(f.posts, testPost(4, "Four", "<p>x</p>"), testPost(6, "Six", "<p>y</p>"))
		f.blog.LastSeq, f.blog.Title = 6, "Another title"
	})
	c.post(6, liveblog.EventPost, testPost(6, "Six", "<p>y</p>"))
	c = s.open()
	if !strings.Contains(c.query, "after=6") {
		t.Errorf("after a gap: %s", c.query)
	}
	if got := browsertest.Eval[string](p, feedIDs+` + document.querySelector('h1').textContent + document.title`); got != "6 4 3 2 1Another titleAnother title" {
		t.Errorf("after a gap: %s", got)
	}
	s.f.change(func(f *fakePages) { f.blog.Epoch, f.blog.LastSeq, f.posts = "epoch2", 2, f.posts[:2] })
	c.send("reset", "2", `{"reason":"epoch","epoch":"epoch2","head":2}`)
	c = receiveWithin(t, s.conns, "a stream")
	if !strings.Contains(c.query, "after=2") || !strings.Contains(c.query, "epoch=epoch2") {
		t.Errorf("after a reset: %s", c.query)
	}
	if got := browsertest.Eval[string](p, feedIDs); got != "2 1" {
		t.Errorf("after a reset: %s", got)
	}
}

func TestReconnects(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final", hasten)
	p.Expect("503")
	c := s.open()
	p.Wait(badge + ` === 'Live'`)
	c.post(4, liveblog.EventPost, testPost(4, "Four", "<p>a</p>"))
	p.Wait(applied + " === 4")
	browsertest.Eval[bool](p, watchBadge)
	s.refuse.Store(2)
	c.out <- "retry: 10\n\n"
	c.close()
	p.Wait(`states.includes('Reconnecting…')`)
	c = s.open()
	if !strings.Contains(c.query, "after=4") {
		t.Errorf("resumes with %s", c.query)
	}
	p.Wait(badge + ` === 'Live'`)
	c.send("bye", "", "{}")
	c.out <- "retry: 10\n\n"
	c.close()
	c = s.open()
	if !strings.Contains(c.query, "after=4") {
		t.Errorf("resumes after bye with %s", c.query)
	}
	if got := browsertest.Eval[string](p, badge); got != "Live" {
		t.Errorf("bye shows as %s", got)
	}
	c = s.open() // silence: the watchdog has bitten
	c.send("ping", "", `{"head":9}`)
	if c = s.open(); !strings.Contains(c.query, "after=4") {
		t.Errorf("resumes after a lag with %s", c.query)
	}
}

func TestByeWhenNobodyComesBack(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final", hasten)
	p.Expect("net::ERR_")
	c := s.open()
	p.Wait(badge + ` === 'Live'`)
	c.send("bye", "", "{}")
	c.out <- "retry: 10\n\n"
	c.close()
	<-c.done
	s.vanish()
	p.Wait(badge + ` === 'Reconnecting…'`)
}

func TestEndAndHead(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final")
	c := s.open()
	pinned := testPost(1, "Post 1", "<p>Pinned text</p>")
	c.blog(4, func(b *liveblog.Blog) { b.Title, b.SummaryHTML = "New <title>", "<p>New summary</p>" }, &pinned)
	p.Wait(applied + " === 4")
	if got := browsertest.Eval[string](p, `document.title + document.querySelector('h1').textContent + document.querySelector('.summary').textContent + document.querySelector('.pinned article').id`); got != "New <title>New <title>New summarypinned-"+testID(1).String() {
		t.Errorf("got %s", got)
	}
	pinned.HTML, pinned.Version = "<p>Corrected</p>", 2
	c.post(5, liveblog.EventUpdate, pinned)
	p.Wait(`document.querySelector('.pinned .post-body').textContent === 'Corrected'`)
	c.send("views", "", fmt.Sprintf(`{"posts":{%q:1234},"readers":45}`, testID(1)))
	p.Wait(`document.querySelector('.readers').textContent === '45 reading now'`)
	if got := browsertest.Eval[string](p, `[...document.querySelectorAll('[data-position="1"] .views')].map(e => e.textContent).join()`); got != "1,234 views,1,234 views" {
		t.Errorf("views %s", got)
	}
	c.blog(6, func(b *liveblog.Blog) { b.Status = liveblog.BlogEnded }, nil)
	c.send("end", "", `{"head":6}`)
	<-c.done
	p.Wait(badge + ` === 'Ended' && document.querySelector('.pause').hidden && !document.querySelector('.pinned article')`)
}

func TestPause(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final")
	c := s.open()
	p.Wait(badge + ` === 'Live'`)
	p.Click(".pause")
	<-c.done
	p.Wait(badge + ` === 'Paused' && document.querySelector('.pause').textContent === 'Resume updates'`)
	p.Click(".pause")
	s.open()
	p.Wait(badge + ` === 'Live'`)
}

func TestLongPollWhereTheStreamIsHeldBack(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	s.mute.Store(true)
	p := openPage(t, s, "/b/cup-final", hasten)
	p.Wait(applied + " === 4")
	if got := browsertest.Eval[string](p, feedIDs+`+`+badge); got != "4 3 2 1Live" {
		t.Errorf("got %s", got)
	}
	for query := ""; !strings.Contains(query, "wait=20"); {
		if query = receiveWithin(t, s.polls, "poll"); !strings.Contains(query, "after=3") && !strings.Contains(query, "after=4") {
			t.Errorf("polls with %s", query)
		}
	}
}

// A reader for whom there is no room polls for a while, and comes back by itself.
func TestPollsWhereTheStreamIsRefused(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	s.answers <- http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.mute.Store(true)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, "retry: 60000\n\nevent: bye\ndata: {\"reason\":\"address_limit\",\"poll\":\"/api/v1/blogs/cup-final/events\"}\n\n")
	})
	p := openPage(t, s, "/b/cup-final", hasten)
	p.Wait(applied + " === 4")
	for range 3 {
		if query := receiveWithin(t, s.polls, "poll"); !strings.Contains(query, "wait=0") || !strings.Contains(query, "epoch="+testEpoch) {
			t.Errorf("polls with %s", query)
		}
	}
	s.mute.Store(false)
	c := s.open()
	if !strings.Contains(c.query, "after=4") {
		t.Errorf("comes back with %s", c.query)
	}
	c.post(5, liveblog.EventPost, testPost(5, "Five", "<p>x</p>"))
	p.Wait(feedIDs + ` === '5 4 3 2 1' && ` + badge + ` === 'Live'`)
}

// What is corrected after the end is shown within a minute, and a blog that was
// reopened is followed again.
func TestEndedBlogIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	f := cupFinal(3)
	f.blog.Status = liveblog.BlogEnded
	s := newScripted(t, f)
	s.over.Store(true)
	p := openPage(t, s, "/b/cup-final", hasten)
	if query := receiveWithin(t, s.polls, "poll"); !strings.Contains(query, "after=3") || !strings.Contains(query, "wait=0") {
		t.Errorf("looks with %s", query)
	}
	s.mute.Store(true)
	p.Wait(applied + ` === 4 && ` + badge + ` === 'Ended'`)
	s.mute.Store(false)
	s.over.Store(false)
	c := s.open()
	if !strings.Contains(c.query, "after=4") {
		t.Errorf("follows again with %s", c.query)
	}
	c.blog(5, func(b *liveblog.Blog) { b.Status = liveblog.BlogLive }, nil)
	p.Wait(badge + ` === 'Live'`)
}

func TestOlderPagesOnlyCountNewPosts(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(30))
	p := openPage(t, s, "/b/cup-final?before=6")
	c := s.open()
	edited := testPost(3, "Post 3, corrected", "<p>x</p>")
	edited.Version = 2
	c.post(31, liveblog.EventPost, testPost(31, "New", "<p>x</p>"))
	c.post(32, liveblog.EventUpdate, edited)
	elsewhere := testPost(20, "On another page", "<p>x</p>")
	elsewhere.Version = 2
	c.post(33, liveblog.EventUpdate, elsewhere)
	p.Wait(applied + " === 33")
	if got := browsertest.Eval[string](p, feedIDs+` + document.querySelector('.pill').textContent + document.querySelector('[data-position="3"] h2').textContent`); got != "5 4 3 2 11 new postPost 3, corrected" {
		t.Errorf("got %s", got)
	}
	p.Click(".pill")
	p.Wait(`location.search === '' && document.querySelector('main').dataset.page === 'first'`)
}

func TestViewsAreCountedOnce(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(20))
	p := openPage(t, s, "/b/cup-final")
	s.open()
	first := receiveWithin(t, s.beacons, "beacon")
	if !strings.HasPrefix(first, "text/plain") || !strings.Contains(first, testToken) || !strings.Contains(first, testID(20).String()) || strings.Contains(first, testID(1).String()) {
		t.Errorf("beacon %s", first)
	}
	browsertest.Eval[bool](p, `(scrollTo({ top: document.body.scrollHeight, behavior: 'instant' }), true)`)
	second := receiveWithin(t, s.beacons, "beacon")
	if strings.Contains(second, testID(20).String()) || !strings.Contains(second, testID(1).String()) {
		t.Errorf("second beacon %s", second)
	}
}

func TestEmbedsLoadOnClickOnly(t *testing.T) {
	t.Parallel()
	f := cupFinal(1)
	f.posts[0].HTML = `<figure class="embed" data-embed-src="https://www.youtube-nocookie.com/embed/abc" data-embed-provider="YouTube"><a href="https://youtu.be/abc" rel="noopener nofollow ugc">https://youtu.be/abc</a></figure>`
	s := newScripted(t, f)
	p := openPage(t, s, "/b/cup-final")
	p.Expect("net::") // the test machine may have no network
	s.open()
	p.Wait(`document.querySelector('.embed .load').textContent === 'Load from YouTube: this sends data to YouTube' && !document.querySelector('iframe')`)
	p.Click(".embed .load")
	if got := browsertest.Eval[string](p, `document.querySelector('.embed iframe').src + document.querySelector('.embed iframe').sandbox`); !strings.HasPrefix(got, "https://www.youtube-nocookie.com/embed/abcallow-scripts") {
		t.Errorf("frame %s", got)
	}
}

func TestLastVisitIsMarked(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final")
	s.open()
	s.f.change(func(f *fakePages) { f.posts, f.blog.LastSeq = append(f.posts, testPost(4, "Four", "<p>x</p>")), 4 })
	p.Open(s.url + "/b/cup-final")
	if got := browsertest.Eval[string](p, `document.querySelector('.visit').nextElementSibling.dataset.position`); got != "3" {
		t.Errorf("the line stands before %s", got)
	}
}

func TestPermalinkPageIsLiveToo(t *testing.T) {
	t.Parallel()
	s := newScripted(t, cupFinal(3))
	p := openPage(t, s, "/b/cup-final/p/"+testID(2).String())
	c := s.open()
	edited := testPost(2, "Post 2, corrected", "<p>x</p>")
	edited.Version = 2
	c.post(4, liveblog.EventPost, testPost(4, "New", "<p>x</p>"))
	c.post(5, liveblog.EventUpdate, edited)
	p.Wait(applied + " === 5")
	if got := browsertest.Eval[string](p, feedIDs+` + document.querySelector('.feed h2').textContent`); got != "2Post 2, corrected" {
		t.Errorf("got %s", got)
	}
}
