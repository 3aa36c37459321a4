// Keeps the page as the server would show it now: reads it anew, and what it lacks.

import { jitter } from '../follow.js'
import { enhance } from './article.js'
import { show } from './connection.js'
import { all, articles, keys, main, one, plural, waiting } from './dom.js'
import { steady } from './scroll.js'
import { above, cursor, elsewhere, older, putKey, shown } from './timeline.js'
import { showTimes } from './times.js'

/** How many key events a page lists. */
const KEYS = 30

/** Highest version per post: an older one never replaces a newer one. */
let versions

/** @returns {import('../follow.js').Snapshot} */
export const readPage = () => {
  const { seq, epoch, chain, status } = main.dataset
  shown.title = document.title
  versions = new Map(all('[data-version]').map(({ dataset: { id, version } }) => [id, +version]))
  shown.size = articles().length
  shown.moreKeys = keys().length >= KEYS
  elsewhere.clear()
  show()
  one('.key-events')?.toggleAttribute('open', matchMedia('(width >= 64rem)').matches)
  all('article').forEach(enhance)
  showTimes()
  tidy()
  return { seq: +seq, epoch, chain, status, versions }
}

const read = async signal => {
  const answer = await fetch(location.href, { cache: 'no-cache', signal })
  if ([404, 410].includes(answer.status)) location.reload()
  if (!answer.ok) throw 0
  return new DOMParser().parseFromString(await answer.text(), 'text/html')
}

/** Shows a fresh page in place of this one. */
export const reload = async signal => {
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
/** Shortens the next waits: an event has come. */
export const calm = () => { asked = 0 }

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
  shown.moreKeys = keys(fresh).length >= KEYS
  for (const item of news(keys(fresh))) putKey(item)
  showTimes()
  tidy()
}

/** What follows from the lists: their length, what they lack, how much is new. */
export const tidy = () => {
  for (const item of keys().slice(KEYS)) {
    item.remove()
    shown.moreKeys = true
  }
  one('.key-events')?.toggleAttribute('hidden', !keys().length)
  one('.empty')?.toggleAttribute('hidden', articles().length)
  if (older() && articles().length < shown.size || shown.moreKeys && keys().length < KEYS) lack()
  const n = waiting().length + elsewhere.size
  const pill = one('.pill')
  if (pill) {
    pill.hidden = !n
    pill.textContent = plural(n, 'new post')
  }
  document.title = n ? `(${n}) ${shown.title}` : shown.title
}
