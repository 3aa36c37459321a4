import { explain } from '../api/problem'
import { notices } from './notices.svelte'

/** Runs f and shows its error, if any, in a toast. Returns whether f succeeded. */
export async function attempt(f: () => Promise<unknown>): Promise<boolean> {
  try {
    await f()
    return true
  } catch (err) {
    notices.error(explain(err))
    return false
  }
}
