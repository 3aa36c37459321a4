// Applies the events of the stream to the posts, the key events and the pinned post.

import { tell } from './announce.js'
import { build, copy } from './article.js'
import { show } from './connection.js'
import { all, articles, keys, main, one, parse } from './dom.js'
import { atTop } from './scroll.js'

/**
 * @typedef {{id: string, seq: number, version: number, position: number, title: string, html: string,
 *   headline: string, tags: string[], key_event: boolean, published_at: string, edited_at: ?string, url: string, article: string}} Post
 * @typedef {{title: string, summary_html: string, status: string, language: string,
 *   updated_at: string, pinned_post: ?Post}} Blog
 */

/** What the page shows: its title without a count, how many posts, and whether there are more key events. */
export const shown = {}
/** New posts that belong to another page than this one. */
export const elsewhere = new Set()

// The position of a post is the seq that first published it. A page shows those
// between the cursors in its own address and in that of the next page.

export const older = within => one('.pages.older a', within)
export const oldest = () => 'oldest' in main.dataset
export const cursor = ({ search }) => +new URLSearchParams(search).get(oldest() ? 'after' : 'before')
/** Whether position a stands before b on this page. */
export const above = (a, b) => oldest() ? a < +b : a > +b

/** Shows a post where a fresh page would, if it would. @param {Post} post */
export const put = post => {
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
    if (page === 'post') shown.title = post.headline
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

export const remove = id => {
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
export const putKey = item => {
  const { id, position } = item.dataset
  if (!one(`.key-events [data-id="${id}"]`)) one('.key-events ol')?.insertBefore(item, keys().find(li => +li.dataset.position < position) ?? null)
}

/** @param {Blog} blog */
export const showBlog = blog => {
  const heading = one('h1 a') ?? one('h1')
  heading.textContent = blog.title
  if (main.dataset.page !== 'post') shown.title = blog.title
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
