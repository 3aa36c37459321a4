// Tells readers who cannot see the page change, with one polite message now and then.

import { one, plural } from './dom.js'

/** Milliseconds between two messages. */
const ANNOUNCE = 20e3

let untold = 0, telling
export const tell = () => {
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
