// Keeps what the reader looks at in its place while the page changes.

import { articles, one } from './dom.js'

const anchored = CSS.supports('overflow-anchor', 'auto')
export const atTop = () => scrollY < 8 || one('.feed').getBoundingClientRect().top >= 0

/** Changes the page and keeps what the reader looks at where it is. */
export const steady = (change, whole) => {
  const seen = articles().find(a => !a.hidden && a.getBoundingClientRect().bottom > 0)
  const top = seen?.getBoundingClientRect().top
  change()
  if (!seen || top > innerHeight || anchored && !whole || scrollY < 8) return
  const now = document.getElementById(seen.id)
  if (now) scrollBy({ top: now.getBoundingClientRect().top - top, behavior: 'instant' })
}
