// The readers' page, live. The server's HTML is complete without this script; this
// keeps what it shows as a fresh one would show it. The server sends this file and
// what it imports as one, without comments: keep them on lines of their own.

import { follow, jitter } from './follow.js'

/**
 * @typedef {{id: string, seq: number, version: number, position: number, title: string, html: string,
 *   headline: string, tags: string[], key_event: boolean, published_at: string, edited_at: ?string, url: string, article: string}} Post
 * @typedef {{title: string, summary_html: string, status: string, language: string,
 *   updated_at: string, pinned_post: ?Post}} Blog
 */

// Milliseconds between two announcements, two beacons.
const ANNOUNCE = 20e3, BEACON = 5e3
/** How many key events a page lists. */
const KEYS = 30

const main = document.querySelector('main')
const slug = main.dataset.slug
const base = `/api/v1/blogs/${slug}/`
const one = (selector, within = main) => within.querySelector(selector)
const all = (selector, within = main) => [...within.querySelectorAll(selector)]
const articles = within => all('.feed > article', within)
const keys = within => all('.key-events li', within)
const waiting = () => all('.feed > article[hidden]')
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

let client, title, size, moreKeys, state
/** Highest version per post: an older one never replaces a newer one. */
let versions
/** Absolute views per post. */
const views = new Map()

/** @returns {import('./follow.js').Snapshot} */
const readPage = () => {
  const { seq, epoch, chain, status } = main.dataset
  title = document.title
  versions = new Map(all('[data-version]').map(({ dataset: { id, version } }) => [id, +version]))
  size = articles().length
  moreKeys = keys().length >= KEYS
  elsewhere.clear()
  show()
  one('.key-events')?.toggleAttribute('open', matchMedia('(width >= 64rem)').matches)
  all('article').forEach(enhance)
  showTimes()
  tidy()
  return { seq: +seq, epoch, chain, status, versions }
}

const ended = () => main.dataset.status === 'ended'

// Connection state, in words.

let paused = false
const show = () => {
  const badge = one('.badge')
  badge.textContent = paused ? 'Paused' : ended() ? 'Ended' : { reconnecting: 'Reconnecting…', offline: 'Offline' }[state] ?? 'Live'
  badge.dataset.state = badge.textContent
  one('.pause')?.toggleAttribute('hidden', ended())
}
/** @param {import('./follow.js').State} now */
const showState = now => {
  state = now
  if (now === 'ended') main.dataset.status = now
  show()
}

// The page as the server would show it now.

const read = async signal => {
  const answer = await fetch(location.href, { cache: 'no-cache', signal })
  if ([404, 410].includes(answer.status)) location.reload()
  if (!answer.ok) throw 0
  return new DOMParser().parseFromString(await answer.text(), 'text/html')
}

/** Shows a fresh page in place of this one. */
const reload = async signal => {
  const page = await read(signal)
  const fresh = one('main', page)
  steady(() => {
    main.replaceChildren(...fresh.childNodes)
    Object.assign(main.dataset, fresh.dataset)
  }, true)
  document.title = page.title
  return readPage()
}

/** Asks for what a fresh page has at its end, since something left this one. */
const lack = () => { lacking ??= setTimeout(refill, jitter(asked++)) }
let asked = 0, lacking

const refill = async () => {
  const { epoch, lastSeq } = main.dataset
  lacking = undefined
  try {
    const fresh = one('main', await read())
    if (+fresh.dataset.seq < lastSeq) throw 0
    if (epoch === fresh.dataset.epoch) steady(() => merge(fresh))
  } catch {
    lack()
  }
}

/** Adds the posts that follow ours, and key events. @param {HTMLElement} fresh */
const merge = fresh => {
  const news = list => list.filter(({ dataset: { id, version } }) => {
    if (version < (versions.get(id) ?? 0)) return
    return versions.set(id, +version)
  })
  const link = older(), next = older(fresh)
  if (link) {
    const end = cursor(link)
    for (const article of news(articles(fresh).filter(a => above(end, a.dataset.position)))) {
      one('.feed').append(article)
      enhance(article)
    }
    if (!next) link.parentNode.remove()
    else if (above(end, cursor(next))) link.href = next.href
  }
  moreKeys = keys(fresh).length >= KEYS
  for (const item of news(keys(fresh))) putKey(item)
  showTimes()
  tidy()
}

// Events.

/** @param {string} type @param {Post & Blog} data @param {boolean} fresh */
const receive = (type, data, fresh) => {
  const { id, seq } = data
  main.dataset.lastSeq = seq
  asked = 0
  if (fresh) {
    steady(() => {
      if (type === 'blog') showBlog(data)
      else if (type === 'delete') remove(id)
      else put(data)
      tidy()
    })
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

// The position of a post is the seq that first published it. A page shows those
// between the cursors in its own address and in that of the next page.

const older = within => one('.pages.older a', within)
const oldest = () => 'oldest' in main.dataset
const cursor = ({ search }) => +new URLSearchParams(search).get(oldest() ? 'after' : 'before')
/** Whether position a stands before b on this page. */
const above = (a, b) => oldest() ? a < +b : a > +b

/** Shows a post where a fresh page would, if it would. @param {Post} post */
const put = post => {
  const { page, tag, key } = main.dataset
  const old = articles().find(a => a.dataset.id === post.id)
  const article = build(post)
  if (tag && !post.tags.includes(tag) || key !== undefined && !post.key_event) {
    old?.remove()
    elsewhere.delete(post.id)
  } else if (old) {
    const focused = old.contains(document.activeElement)
    article.hidden = old.hidden
    old.replaceWith(article)
    if (focused) article.focus({ preventScroll: true })
    if (page === 'post') title = post.headline
  } else if (page !== 'post') place(article, post)
  one(`.key-events [data-id="${post.id}"]`)?.remove()
  if (post.key_event) putKeyEvent(post, article)
  const pinned = one('.pinned article')
  if (pinned?.dataset.id === post.id) pinned.replaceWith(copy(article))
}

const place = (article, { id, position, seq }) => {
  const start = cursor(location), end = older() && cursor(older())
  const newest = position === seq
  if ((!start || above(start, position)) && !(end && above(end, position))) {
    article.hidden = newest && !oldest() && (document.hidden || !atTop())
    one('.feed').insertBefore(article, articles().find(a => above(position, a.dataset.position)) ?? null)
    tell()
  } else if (newest) {
    elsewhere.add(id)
    tell()
  }
}

const remove = id => {
  elsewhere.delete(id)
  for (const article of all(`article[data-id="${id}"]`)) (article.closest('.pinned > details') ?? article).remove()
  one(`.key-events [data-id="${id}"]`)?.remove()
  if (main.dataset.page === 'post' && !articles().length) location.reload()
}

/** @param {Post} post @param {HTMLElement} article */
const putKeyEvent = (post, article) => {
  const item = parse('<li><a><span dir=auto></span></a></li>')
  const link = item.firstChild
  Object.assign(item.dataset, article.dataset)
  link.href = article.isConnected ? '#' + article.id : post.url
  link.firstChild.textContent = post.headline
  link.prepend(one('time', article).cloneNode(true))
  putKey(item)
}
const putKey = item => {
  const { id, position } = item.dataset
  if (!one(`.key-events [data-id="${id}"]`)) one('.key-events ol')?.insertBefore(item, keys().find(li => +li.dataset.position < position) ?? null)
}

/** What follows from the lists: their length, what they lack, how much is new. */
const tidy = () => {
  for (const item of keys().slice(KEYS)) {
    item.remove()
    moreKeys = true
  }
  one('.key-events')?.toggleAttribute('hidden', !keys().length)
  one('.empty')?.toggleAttribute('hidden', articles().length)
  if (older() && articles().length < size || moreKeys && keys().length < KEYS) lack()
  const n = waiting().length + elsewhere.size
  const pill = one('.pill')
  if (pill) {
    pill.hidden = !n
    pill.textContent = plural(n, 'new post')
  }
  document.title = n ? `(${n}) ${title}` : title
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
  if (summary) summary.innerHTML = blog.summary_html
  main.dataset.status = blog.status
  show()
  const box = one('.pinned')
  if (!box) return
  const post = blog.pinned_post
  const open = one('details', box)?.open ?? true
  box.innerHTML = post ? '<details><summary>Pinned</summary></details>' : ''
  if (!post) return
  box.firstChild.open = open
  box.firstChild.append(copy(build(post)))
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
const elsewhere = new Set()

/** @param {boolean} [asked] whether the reader pressed the button */
const reveal = asked => {
  if (asked && elsewhere.size) return location.assign(oldest() ? main.dataset.url : one('.filters [aria-current]').href)
  const fresh = waiting()
  fresh.forEach(article => { article.hidden = false })
  tidy()
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
  const { token } = client
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
  show()
  paused ? client.stop() : client.start()
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

const onVisibility = () => {
  if (document.hidden) {
    timers.forEach(clearTimeout)
    timers.clear()
    return leave()
  }
  revealAtTop()
  seen.disconnect()
  all('article').forEach(article => seen.observe(article))
}

const begin = () => {
  client = follow(base, readPage(), { event: receive, state: showState, counts: showCounts, reload })
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
  addEventListener('pagehide', leave)
  setInterval(beacon, BEACON)
  client.start()
}

document.documentElement.classList.add('js')
if (slug) begin()
else showTimes()
setInterval(showTimes, 30e3)
