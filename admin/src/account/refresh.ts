import { refreshSession } from '../api/operations'
import { ApiError } from '../api/problem'
import { readItem, writeItem } from '../browser/storage'

/** Where tabs tell each other that the session is fresh. */
export const stamp = 'dateline.refreshed'
let running: Promise<boolean> | null = null

/**
 * Gets a new access token, once for all tabs of this browser: a refresh token
 * works only once, and two tabs using the same one look like a theft.
 * `since` is when the refused request was sent. Resolves to false when the
 * session is over; throws when the server gives no clear answer.
 */
export function refreshOnce(since: number): Promise<boolean> {
  running ??= underLock(() => refresh(since)).finally(() => { running = null })
  return running
}

async function underLock(f: () => Promise<boolean>): Promise<boolean> {
  return navigator.locks ? await navigator.locks.request('dateline-refresh', f) : f()
}

async function refresh(since: number): Promise<boolean> {
  if ((readItem<number>(localStorage, stamp) ?? 0) > since) return true
  try {
    await refreshSession()
  } catch (err) {
    if (err instanceof ApiError && !err.retryable) return false
    throw err
  }
  tellTabs()
  return true
}

/** Tells the other tabs that the session is fresh. */
export function tellTabs(): void {
  writeItem(localStorage, stamp, Date.now())
}
