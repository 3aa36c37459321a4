// The readers' page, live. The server's HTML is complete without this script, which
// keeps what the page shows as a fresh page would show it. The server joins this file
// and all that it imports into one script, without comments. Therefore each import
// stands on one line, comments stand on lines of their own, and the top-level names
// of all files differ.

import { follow } from './follow.js'
import { load, share } from './reader/article.js'
import { pause, showState } from './reader/connection.js'
import { base, main, slug } from './reader/dom.js'
import { calm, readPage, reload, tidy } from './reader/page.js'
import { reveal, revealAtTop } from './reader/pill.js'
import { steady } from './reader/scroll.js'
import { put, remove, showBlog } from './reader/timeline.js'
import { showTimes, showUpdated } from './reader/times.js'
import { beacon, showCounts, unwatch, watch } from './reader/views.js'
import { keepVisit, markVisit } from './reader/visits.js'

/** Milliseconds between two reports of views. */
const BEACON = 5e3

let client

/** @param {string} type @param {import('./reader/timeline.js').Post & import('./reader/timeline.js').Blog} data @param {boolean} fresh */
const receive = (type, data, fresh) => {
  const { id, seq } = data
  main.dataset.lastSeq = seq
  calm()
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

const leave = () => {
  keepVisit()
  beacon(client.token)
}

const onVisibility = () => {
  if (document.hidden) {
    unwatch()
    return leave()
  }
  revealAtTop()
  watch()
}

const begin = () => {
  client = follow(base, readPage(), { event: receive, state: showState, counts: showCounts, reload })
  if (main.dataset.page === 'first') markVisit()
  main.addEventListener('click', ({ target }) => {
    const button = target.closest('button')
    if (button?.matches('.pill')) reveal(true)
    else if (button?.matches('.share')) share(button)
    else if (button?.matches('.load')) load(button.parentNode)
    else if (button?.matches('.pause')) pause(button, client)
    else if (target.closest('.key-events a')) reveal()
  })
  document.addEventListener('visibilitychange', onVisibility)
  addEventListener('scroll', revealAtTop)
  addEventListener('pagehide', leave)
  setInterval(() => beacon(client.token), BEACON)
  client.start()
}

document.documentElement.classList.add('js')
if (slug) begin()
else showTimes()
setInterval(showTimes, 30e3)
