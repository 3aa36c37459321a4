// Shows times in the reader's own language and time zone.

import { all, one } from './dom.js'

const relative = new Intl.RelativeTimeFormat([], { numeric: 'auto', style: 'short' })
const absolute = at => at.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })

/** @param {Date} at @returns {string} */
const ago = at => {
  const minutes = Math.min(0, Math.round((at - Date.now()) / 6e4))
  if (minutes > -60) return relative.format(minutes, minutes ? 'minute' : 'second')
  if (minutes > -720) return relative.format(Math.round(minutes / 60), 'hour')
  return absolute(at)
}

export const showTimes = (within = document) => {
  for (const time of all('time', within)) {
    const at = new Date(time.dateTime)
    time.textContent = ago(at)
    time.title = absolute(at)
  }
}

/** Renews the time at the top of the page. @param {string} at */
export const showUpdated = at => {
  const time = one('.updated time')
  if (new Date(at) < new Date(time.dateTime)) return
  time.dateTime = at
  showTimes(time.parentNode)
}
