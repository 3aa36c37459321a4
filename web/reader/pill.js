// Shows the posts that wait behind the button for new posts.

import { main, one, waiting } from './dom.js'
import { tidy } from './page.js'
import { atTop } from './scroll.js'
import { elsewhere, oldest } from './timeline.js'

/** @param {boolean} [asked] whether the reader pressed the button */
export const reveal = asked => {
  if (asked && elsewhere.size) return location.assign(oldest() ? main.dataset.url : one('.filters [aria-current]').href)
  const fresh = waiting()
  fresh.forEach(article => { article.hidden = false })
  tidy()
  if (!asked || !fresh.length) return
  one('.feed').scrollIntoView()
  fresh[0].focus({ preventScroll: true })
}

export const revealAtTop = () => {
  if (waiting().length && atTop()) reveal()
}
