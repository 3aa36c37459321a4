// Draws a line between new posts and those of the last visit, where the browser
// keeps the place.

import { articles, main, parse, slug } from './dom.js'

const visit = newest => {
  try {
    if (newest) localStorage['dateline:' + slug] = newest
    return +localStorage['dateline:' + slug]
  } catch {}
}
export const markVisit = () => {
  const last = visit()
  const known = articles().findIndex(a => +a.dataset.position <= last)
  if (known > 0) articles()[known].before(parse('<p class=visit>New since your last visit</p>'))
}
export const keepVisit = () => visit(main.dataset.page === 'first' && articles().find(a => !a.hidden)?.dataset.position)
