// The readers' page, live. The server's HTML is complete without this script;
// this keeps it current. Every event is applied once, in the order of its seq;
// where that cannot be done, the page is read anew. The server sends this file
// without comments: keep them on lines of their own.

/**
 * @typedef {{id: string, seq: number, version: number, position: number, title: string, html: string,
 *   tags: string[], key_event: boolean, published_at: string, edited_at: ?string, url: string, article: string}} Post
 * @typedef {{seq: number, title: string, summary_html: string, status: string, language: string,
 *   updated_at: string, pinned_post: ?Post}} Blog
 */

// Milliseconds: silence after which a stream is dead, and may be; a stream's
// time to greet; a hidden tab's stream; between two announcements; two beacons.
const WATCHDOG = 50e3, STALE = 30e3, HELLO = 5e3, HIDE = 60e3, ANNOUNCE = 20e3, BEACON = 5e3

const main = document.querySelector('main')
const slug = main.dataset.slug
const base = `/api/v1/blogs/${slug}/`
const one = (selector, within = main) => within.querySelector(selector)
const all = (selector, within = main) => [...within.querySelectorAll(selector)]
const articles = () => all('.feed > article')
const waiting = () => all('.feed > article[hidden]')
const wait = time => new Promise(done => setTimeout(done, time))
const parse = html => {
  const template = document.createElement('template')
  template.innerHTML = html
  return template.content.firstElementChild
}
const plural = (n, noun) => `${n.toLocaleString()} ${noun}${n === 1 ? '' : 's'}`

// Times, in the reader's own language and zone.

const relative = new Intl.RelativeTimeFormat([], { numeric: 'auto', style: 'short' })
const absolute = at => at.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })

/** @param {Date} at @returns {string} */
const ago = at => {
  const minutes = Math.min(0, Math.round((at - Date.now()) / 6e4))
  if (minutes > -60) return relative.format(minutes, minutes ? 'minute' : 'second')
  if (minutes > -720) return relative.format(Math.round(minutes / 60), 'hour')
  return absolute(at)
}

const showTimes = (within = document) => {
  for (const time of all('time', within)) {
    const at = new Date(time.dateTime)
    time.textContent = ago(at)
    time.title = absolute(at)
  }
}

// What the page knows.

let seq, epoch, title
/** Highest version per post: an older one never replaces a newer one. */
let versions = new Map()
/** Absolute views per post. */
const views = new Map()

const readPage = () => {
  seq = +main.dataset.seq
  epoch = main.dataset.epoch
  title = document.title
  versions = new Map(articles().map(a => [a.dataset.id, +a.dataset.version]))
  elsewhere = 0
  show('Live')
  one('.key-events')?.toggleAttribute('open', matchMedia('(width >= 64rem)').matches)
  all('article').forEach(enhance)
  showTimes()
}

const ended = () => main.dataset.status === 'ended'

// Connection state, in words.

let paused = false
/** @param {string} state */
const show = state => {
  const badge = one('.badge')
  badge.textContent = paused ? 'Paused' : ended() ? 'Ended' : state
  badge.dataset.state = badge.textContent
  one('.pause')?.toggleAttribute('hidden', ended())
}

// The connection: an EventSource, or a long poll where a proxy keeps its bytes back.

let source, poll, watchdog, hello, retry, heard, leaving, failures = 0, silent = 0, resets = 0

const close = () => {
  [watchdog, hello, retry].forEach(clearTimeout)
  source?.close()
  poll?.abort()
  source = poll = null
}

/** Full jitter between least and a bound that grows to 30 s. */
const jitter = (n, least) => least + Math.random() * (Math.min(30e3, 2e3 * 2 ** n) - least)

const lost = () => show(navigator.onLine ? 'Reconnecting…' : 'Offline')

const later = () => {
  close()
  lost()
  if (!ended()) retry = setTimeout(connect, jitter(failures++, 1e3))
}

const alive = () => {
  heard = Date.now()
  clearTimeout(watchdog)
  watchdog = setTimeout(connect, WATCHDOG)
}

const connect = () => {
  close()
  if (paused) return
  if (silent > 1) return longPoll()
  const opened = source = new EventSource(`${base}stream?after=${seq}&epoch=${epoch}`)
  const on = (type, f) => opened.addEventListener(type, e => {
    if (opened !== source) return
    alive()
    f(e.data && JSON.parse(e.data))
  })
  alive()
  hello = setTimeout(() => { silent++; connect() }, HELLO)
  on('hello', data => {
    clearTimeout(hello)
    silent = failures = 0
    leaving = false
    show('Live')
    token = data.token ?? token
    showCounts(data)
    if (data.epoch !== epoch || data.from > seq) reload()
  })
  for (const type of ['post', 'update', 'delete', 'blog']) on(type, data => receive(type, data))
  on('views', showCounts)
  on('ping', data => { if (data.head > seq) connect() })
  on('reset', reload)
  on('bye', () => { leaving = true })
  on('end', () => {
    close()
    main.dataset.status = 'ended'
    show('Live')
  })
  opened.onerror = () => {
    if (opened !== source) return
    clearTimeout(hello)
    // 2 is closed. A node that said bye may go; that none is there after it, is told.
    if (opened.readyState === 2) later()
    else if (leaving) leaving = false
    else lost()
  }
}

const longPoll = async () => {
  const mine = poll = new AbortController()
  try {
    while (mine === poll) {
      const asked = token ? '' : '&token=1'
      const answer = await fetch(`${base}events?after=${seq}&wait=20&epoch=${epoch}${asked}`, { signal: mine.signal })
      if (!answer.ok) throw 0
      const { events, reset, head, token: given } = await answer.json()
      if (mine !== poll) return
      token ??= given
      heard = Date.now()
      failures = 0
      show('Live')
      if (reset) return reload()
      for (const event of events) if (mine === poll) receive(event.type, event.data)
      if (ended() && seq >= head) return close()
      if (!events.length) await wait(1e3)
    }
  } catch {
    if (mine === poll) later()
  }
}

/** Makes sure that a reader who came back has a connection that works. */
const check = () => {
  if (paused || document.hidden) return
  silent = 0
  if (!(source || poll) || Date.now() - heard > STALE) connect()
}

/** Reads the whole page anew: after a reset or a gap, or when nothing else helps. */
const reload = async () => {
  close()
  const mine = poll = new AbortController()
  await wait(jitter(resets++, 0))
  try {
    const answer = await fetch(location.href, { cache: 'no-cache', signal: mine.signal })
    if ([404, 410].includes(answer.status)) return location.reload()
    if (!answer.ok) throw 0
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    if (mine !== poll) return
    swap(page)
    connect()
  } catch {
    if (mine === poll) retry = setTimeout(reload, jitter(failures++, 1e3))
  }
}

/** @param {Document} page */
const swap = page => {
  const fresh = page.querySelector('main')
  steady(() => {
    main.replaceChildren(...fresh.childNodes)
    Object.assign(main.dataset, fresh.dataset)
  }, true)
  document.title = page.title
  readPage()
  count()
}

// Events.

/** @param {string} type @param {Post & Blog} data */
const receive = (type, data) => {
  if (data.seq !== seq + 1) return data.seq > seq && reload()
  main.dataset.lastSeq = seq = data.seq
  resets = 0
  if (type === 'blog') showBlog(data)
  else if (data.version >= (versions.get(data.id) ?? 0)) {
    versions.set(data.id, data.version)
    if (type === 'delete') steady(() => remove(data.id))
    else steady(() => put(data))
  }
  const at = data.edited_at || data.published_at || data.updated_at
  if (at) showUpdated(at)
  main.dispatchEvent(new CustomEvent('dateline:event', { bubbles: true, detail: { type, seq } }))
}

const showUpdated = at => {
  const time = one('.updated time')
  if (new Date(at) < new Date(time.dateTime)) return
  time.dateTime = at
  showTimes(time.parentNode)
}

/** The article of a post, from the stream's two halves. */
const build = post => {
  const article = parse(post.article)
  one('.post-body', article).innerHTML = post.html
  enhance(article)
  showTimes(article)
  return article
}

/** @param {Post} post */
const put = post => {
  const old = articles().find(a => a.dataset.id === post.id)
  const article = build(post)
  if (old) {
    const focused = old.contains(document.activeElement)
    article.hidden = old.hidden
    old.replaceWith(article)
    if (focused) article.focus({ preventScroll: true })
  } else place(article, post)
  putKeyEvent(post, article)
  const pinned = one('.pinned article')
  if (pinned?.dataset.id === post.id) pinned.replaceWith(copy(article))
  count()
}

const under = (list, { position }) => list.find(element => +element.dataset.position < position) ?? null

/**
 * Puts an article where its position says, if it belongs on this page. The
 * position of a post is the seq that first published it: another seq tells of
 * one that came back.
 */
const place = (article, post) => {
  const list = articles()
  const below = under(list, post)
  const { page, tag } = main.dataset
  const newest = post.position === post.seq
  const mine = page === 'first' || page === 'older' && list[0]?.dataset.position > post.position
  if (mine && (below || !one('.pages.older'))) {
    article.hidden = newest && (document.hidden || !atTop())
    one('.feed').insertBefore(article, below)
    tell()
  } else if (newest && page !== 'post' && (!tag || post.tags.includes(tag)) && (!('key' in main.dataset) || post.key_event)) {
    elsewhere++
    tell()
  }
}

const remove = id => {
  for (const article of all(`article[data-id="${id}"]`)) (article.closest('.pinned > details') ?? article).remove()
  one(`.key-events [data-post="${id}"]`)?.remove()
  if (main.dataset.page === 'post' && !articles().length) location.reload()
  count()
}

/** @param {Post} post @param {HTMLElement} article */
const putKeyEvent = (post, article) => {
  const box = one('.key-events')
  if (!box) return
  one(`[data-post="${post.id}"]`, box)?.remove()
  if (post.key_event) {
    const item = parse(`<li data-post=${post.id} data-position=${post.position}><a><span dir=auto></span></a></li>`)
    const link = item.firstChild
    link.href = article.isConnected ? '#' + article.id : post.url
    link.firstChild.textContent = post.title || one('.post-body', article).textContent.trim().slice(0, 110)
    link.prepend(one('time', article).cloneNode(true))
    one('ol', box).insertBefore(item, under(all('li', box), post))
  }
  box.hidden = !one('li', box)
}

/** A copy for the pinned box: element ids must not come twice. */
const copy = article => {
  const twin = parse(article.outerHTML.replaceAll('"p-', '"pinned-'))
  twin.hidden = false
  enhance(twin)
  return twin
}

/** @param {Blog} blog */
const showBlog = blog => {
  const heading = one('h1 a') ?? one('h1')
  heading.textContent = blog.title
  if (main.dataset.page !== 'post') title = blog.title
  const summary = one('.summary')
  const box = one('.pinned')
  steady(() => {
    if (summary) summary.innerHTML = blog.summary_html
    if (!box) return
    const post = blog.pinned_post
    const open = one('details', box)?.open ?? true
    box.innerHTML = post ? '<details><summary>Pinned</summary></details>' : ''
    if (!post) return
    box.firstChild.open = open
    box.firstChild.append(copy(build(post)))
  })
  main.dataset.status = blog.status
  show('Live')
  count()
}

// The page does not move under the reader's eyes.

const anchored = CSS.supports('overflow-anchor', 'auto')
const atTop = () => scrollY < 8 || one('.feed').getBoundingClientRect().top >= 0

/** Changes the page and keeps what the reader looks at where it is. */
const steady = (change, whole) => {
  const seen = articles().find(a => !a.hidden && a.getBoundingClientRect().bottom > 0)
  const top = seen?.getBoundingClientRect().top
  change()
  if (!seen || top > innerHeight || anchored && !whole || scrollY < 8) return
  const now = document.getElementById(seen.id)
  if (now) scrollBy({ top: now.getBoundingClientRect().top - top, behavior: 'instant' })
}

/** New posts that belong to another page than this one. */
let elsewhere = 0
const count = () => {
  const n = waiting().length + elsewhere
  const pill = one('.pill')
  if (pill) {
    pill.hidden = !n
    pill.textContent = plural(n, 'new post')
  }
  document.title = n ? `(${n}) ${title}` : title
}

/** @param {boolean} [asked] whether the reader pressed the button */
const reveal = asked => {
  if (asked && elsewhere) return location.assign('oldest' in main.dataset ? main.dataset.url : one('.filters [aria-current]').href)
  const fresh = waiting()
  fresh.forEach(article => { article.hidden = false })
  count()
  if (!asked || !fresh.length) return
  one('.feed').scrollIntoView()
  fresh[0].focus({ preventScroll: true })
}

const revealAtTop = () => {
  if (waiting().length && atTop()) reveal()
}

// One polite message now and then, for those who cannot see the page change.

let untold = 0, telling
const tell = () => {
  untold++
  if (!telling) sayNow()
}
const sayNow = () => {
  telling = 0
  if (!untold) return
  one('.announce', document).textContent = plural(untold, 'new update')
  untold = 0
  telling = setTimeout(sayNow, ANNOUNCE)
}

// Counts from the server.

const showViews = article => {
  const n = views.get(article.dataset.id)
  if (n) one('.views', article).textContent = plural(n, 'view')
}

const showCounts = ({ posts, readers }) => {
  for (const id in posts) {
    views.set(id, posts[id])
    all(`article[data-id="${id}"]`).forEach(showViews)
  }
  const box = one('.readers')
  if (!box) return
  box.hidden = !readers
  box.textContent = readers.toLocaleString() + ' reading now'
}

// Views: a post counts once it was half on screen for a second.

/** What this page reports with: the server gave it to its stream or its poll. */
let token
const counted = new Set()
const timers = new Map()
let queue = []

const seen = new IntersectionObserver(entries => {
  for (const { target, intersectionRatio, intersectionRect } of entries) {
    const enough = intersectionRatio >= .5 || intersectionRect.height >= innerHeight / 2
    if (!enough || document.hidden) {
      clearTimeout(timers.get(target))
      timers.delete(target)
    } else if (!timers.has(target)) timers.set(target, setTimeout(view, 1e3, target))
  }
}, { threshold: Array.from({ length: 101 }, (_, i) => i / 100) })

const view = ({ dataset: { id } }) => {
  if (counted.has(id)) return
  counted.add(id)
  queue.push(id)
}

const beacon = () => {
  while (token && queue.length) {
    if (!navigator.sendBeacon(base + 'views', JSON.stringify({ token, posts: queue.slice(0, 50) }))) return
    queue = queue.slice(50)
  }
}

// What an article gets from the script: embeds, a share button, counts.

/** @param {HTMLElement} article */
const enhance = article => {
  showViews(article)
  seen.observe(article)
  for (const figure of all('.embed[data-embed-src]', article)) {
    if (one('button', figure)) continue
    const name = figure.dataset.embedProvider
    figure.prepend(parse('<button class=load></button>'))
    figure.firstChild.textContent = `Load from ${name}: this sends data to ${name}`
  }
}

/** @param {HTMLElement} figure */
const load = figure => {
  const frame = parse('<iframe sandbox="allow-scripts allow-same-origin allow-popups" allow="fullscreen"></iframe>')
  frame.title = figure.dataset.embedProvider
  frame.src = figure.dataset.embedSrc
  figure.firstChild.replaceWith(frame)
}

const share = async button => {
  const url = location.origin + button.dataset.url
  if (navigator.share) return navigator.share({ url }).catch(() => {})
  if (!navigator.clipboard) return prompt('Link', url)
  await navigator.clipboard.writeText(url)
  button.textContent = 'Link copied'
}

const pause = button => {
  paused = !paused
  button.textContent = (paused ? 'Resume' : 'Pause') + ' updates'
  show('Live')
  connect()
}

// A line between what is new and what the reader saw on the last visit, where
// the browser lets us keep that.

const visit = newest => {
  try {
    if (newest) localStorage['dateline:' + slug] = newest
    return +localStorage['dateline:' + slug]
  } catch {}
}
const markVisit = () => {
  const last = visit()
  const known = articles().findIndex(a => +a.dataset.position <= last)
  if (known > 0) articles()[known].before(parse('<p class=visit>New since your last visit</p>'))
}
const keepVisit = () => visit(main.dataset.page === 'first' && articles().find(a => !a.hidden)?.dataset.position)

// The start.

const leave = () => {
  keepVisit()
  beacon()
}

let hiding
const onVisibility = () => {
  clearTimeout(hiding)
  if (document.hidden) {
    hiding = setTimeout(close, HIDE)
    timers.forEach(clearTimeout)
    timers.clear()
    return leave()
  }
  revealAtTop()
  seen.disconnect()
  all('article').forEach(article => seen.observe(article))
  check()
}

const follow = () => {
  readPage()
  if (main.dataset.page === 'first') markVisit()
  main.addEventListener('click', ({ target }) => {
    const button = target.closest('button')
    if (button?.matches('.pill')) reveal(true)
    else if (button?.matches('.share')) share(button)
    else if (button?.matches('.load')) load(button.parentNode)
    else if (button?.matches('.pause')) pause(button)
    else if (target.closest('.key-events a')) reveal()
  })
  document.addEventListener('visibilitychange', onVisibility)
  addEventListener('scroll', revealAtTop)
  addEventListener('pageshow', e => e.persisted && check())
  addEventListener('pagehide', leave)
  addEventListener('online', () => {
    heard = 0
    check()
  })
  addEventListener('offline', lost)
  setInterval(beacon, BEACON)
  if (!ended()) connect()
}

document.documentElement.classList.add('js')
if (slug) follow()
else showTimes()
setInterval(showTimes, 30e3)
