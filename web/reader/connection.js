// Shows the state of the connection in words, and the button that pauses it.

import { main, one } from './dom.js'

let paused = false, state

const ended = () => main.dataset.status === 'ended'

export const show = () => {
  const badge = one('.badge')
  badge.textContent = paused ? 'Paused' : ended() ? 'Ended' : { reconnecting: 'Reconnecting…', offline: 'Offline' }[state] ?? 'Live'
  badge.dataset.state = badge.textContent
  one('.pause')?.toggleAttribute('hidden', ended())
}
/** @param {import('../follow.js').State} now */
export const showState = now => {
  state = now
  if (now === 'ended') main.dataset.status = now
  show()
}

/** Stops the updates, or starts them again. */
export const pause = (button, client) => {
  paused = !paused
  button.textContent = (paused ? 'Resume' : 'Pause') + ' updates'
  show()
  paused ? client.stop() : client.start()
}
