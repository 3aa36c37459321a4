// Shows how often posts were viewed and how many clients read, and reports this
// reader's views: a post counts when half of it was on screen for a second.

import { all, base, one, plural } from './dom.js'

/** Views per post, from the server. */
const views = new Map()

export const showViews = article => {
  const n = views.get(article.dataset.id)
  if (n) one('.views', article).textContent = plural(n, 'view')
}

export const showCounts = ({ posts, readers }) => {
  for (const id in posts) {
    views.set(id, posts[id])
    all(`article[data-id="${id}"]`).forEach(showViews)
  }
  const box = one('.readers')
  if (!box) return
  box.hidden = !readers
  box.textContent = readers.toLocaleString() + ' reading now'
}

const counted = new Set()
const timers = new Map()
let queue = []

export const seen = new IntersectionObserver(entries => {
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

/** Reports the views of posts since the last report. @param {string | undefined} token from the stream */
export const beacon = token => {
  while (token && queue.length) {
    if (!navigator.sendBeacon(base + 'views', JSON.stringify({ token, posts: queue.slice(0, 50) }))) return
    queue = queue.slice(50)
  }
}

/** Forgets the posts on screen, when the page is hidden. */
export const unwatch = () => {
  timers.forEach(clearTimeout)
  timers.clear()
}

/** Begins again with the posts on screen, when the page is shown. */
export const watch = () => {
  seen.disconnect()
  all('article').forEach(article => seen.observe(article))
}
