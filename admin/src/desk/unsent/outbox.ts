import { fullJitter } from './backoff'
import { ApiError, explain } from '../../api/problem'
import { keysWith, readItem, type Store, writeItem } from '../../browser/storage'
import type { NewPost, Post } from '../../api/names'

/**
 * `queued` waits for its turn or for the network, `retrying` for the next try
 * after a failure, `failed` for a person: the server refused it for good.
 */
export type EntryState = 'queued' | 'sending' | 'retrying' | 'failed'

/** A post on its way to the server. */
export interface Entry {
  /** Sent as Idempotency-Key with every try, so that the post appears once. */
  key: string
  slug: string
  post: NewPost
  /** When it was published here, in milliseconds. */
  at: number
  state: EntryState
  attempts: number
  error: string
  /** When the next try comes, in milliseconds; 0 when none is planned. */
  nextAt: number
}

export interface OutboxOptions {
  user: string
  store: Store
  send: (entry: Entry) => Promise<Post>
  onChange: (entries: readonly Entry[]) => void
  onSent: (entry: Entry, post: Post) => void
  /** Runs f while no other tab sends the same entry. */
  exclusive?: (name: string, f: () => Promise<void>) => Promise<void>
  now?: () => number
  random?: () => number
}

/** The server forgets keys after 24 hours; an older try could post twice. */
const keyLife = 23 * 3600_000

/**
 * Sends posts in the order in which they were written, one at a time for each
 * blog, and keeps each in the browser until the server gave a definite answer.
 */
export class Outbox {
  #o: OutboxOptions
  #entries: Entry[] = []
  #timers = new Map<string, ReturnType<typeof setTimeout>>()
  #busy = new Set<string>()
  /** Keys that the browser's storage holds, as far as this page knows. */
  #kept: Set<string>
  #closed = false

  constructor(options: OutboxOptions) {
    this.#o = options
    this.#entries = keysWith(options.store, this.#prefix)
      .map((k) => readItem<Entry>(options.store, k))
      .filter((e) => e !== null)
      .map((e) => ({ ...e, state: e.state === 'failed' ? 'failed' as const : 'queued' as const, nextAt: 0 }))
      .sort((a, b) => a.at - b.at)
    this.#kept = new Set(this.#entries.map((e) => e.key))
  }

  get entries(): readonly Entry[] { return this.#entries }

  /** Begins with what an earlier page left. */
  start(): void {
    this.#changed()
    this.flush()
  }

  close(): void {
    this.#closed = true
    for (const t of this.#timers.values()) clearTimeout(t)
    this.#timers.clear()
  }

  /** Takes a post. Returns false when the browser could not keep it: then only this page has it. */
  add(key: string, slug: string, post: NewPost): boolean {
    const entry: Entry = { key, slug, post, at: this.#now(), state: 'queued', attempts: 0, error: '', nextAt: 0 }
    this.#entries = [...this.#entries, entry]
    const kept = this.#keep(entry)
    this.#changed()
    void this.#run(slug)
    return kept
  }

  /** Tries everything now: the network is back, or a person asked. */
  flush(): void {
    for (const t of this.#timers.values()) clearTimeout(t)
    this.#timers.clear()
    for (const slug of new Set(this.#entries.map((e) => e.slug))) void this.#run(slug)
  }

  /** Sends a refused entry again. */
  retry(key: string): void {
    const entry = this.#find(key)
    if (!entry) return
    this.#update(key, { state: 'queued', error: '' })
    this.flush()
  }

  /** Takes an entry out, to edit it or to throw it away. */
  remove(key: string): Entry | undefined {
    const entry = this.#find(key)
    if (entry) this.#forget(key)
    return entry
  }

  async #run(slug: string): Promise<void> {
    if (this.#busy.has(slug)) return
    this.#busy.add(slug)
    try {
      for (let entry = this.#next(slug); entry && !this.#closed; entry = this.#next(slug)) {
        if (!(await this.#sendAlone(entry))) break
      }
    } finally {
      this.#busy.delete(slug)
    }
  }

  #next(slug: string): Entry | undefined {
    return this.#entries.find((e) => e.slug === slug && e.state !== 'failed' && !this.#timers.has(e.slug))
  }

  /** Returns whether the entries after this one may go on. */
  async #sendAlone(entry: Entry): Promise<boolean> {
    let goOn = true
    const exclusive = this.#o.exclusive ?? ((_, f) => f())
    await exclusive(`dateline-outbox-${entry.key}`, async () => { goOn = await this.#send(entry) })
    return goOn
  }

  async #send(entry: Entry): Promise<boolean> {
    if (this.#sentElsewhere(entry)) {
      this.#forget(entry.key)
      return true
    }
    if (entry.attempts > 0 && this.#now() - entry.at > keyLife) {
      this.#update(entry.key, { state: 'failed', error: 'This is more than a day old. Check whether it was posted.' })
      return true
    }
    this.#update(entry.key, { state: 'sending', attempts: entry.attempts + 1, nextAt: 0 })
    try {
      const post = await this.#o.send(entry)
      this.#forget(entry.key)
      this.#o.onSent(entry, post)
      return true
    } catch (err) {
      return this.#failed(entry, err)
    }
  }

  /** Another tab removed what this one had kept: it has sent it. */
  #sentElsewhere(entry: Entry): boolean {
    return this.#kept.has(entry.key) && readItem(this.#o.store, this.#prefix + entry.key) === null
  }

  #failed(entry: Entry, err: unknown): boolean {
    if (err instanceof ApiError && err.status === 401) {
      this.#update(entry.key, { state: 'queued', error: 'Sign in to send this.' })
      return false
    }
    if (err instanceof ApiError && !err.retryable) {
      this.#update(entry.key, { state: 'failed', error: explain(err) })
      return true
    }
    this.#later(entry, err)
    return false
  }

  #later(entry: Entry, err: unknown): void {
    const asked = err instanceof ApiError ? err.retryAfter * 1000 : 0
    const wait = Math.max(asked, fullJitter(entry.attempts, 1000, 30_000, this.#o.random))
    this.#update(entry.key, { state: 'retrying', error: explain(err), nextAt: this.#now() + wait })
    if (this.#closed) return
    this.#timers.set(entry.slug, setTimeout(() => {
      this.#timers.delete(entry.slug)
      void this.#run(entry.slug)
    }, wait))
  }

  #keep(entry: Entry): boolean {
    const ok = writeItem(this.#o.store, this.#prefix + entry.key, entry)
    if (ok) this.#kept.add(entry.key)
    return ok
  }

  #update(key: string, patch: Partial<Entry>): void {
    this.#entries = this.#entries.map((e) => (e.key === key ? { ...e, ...patch } : e))
    const entry = this.#find(key)
    if (entry) this.#keep(entry)
    this.#changed()
  }

  #forget(key: string): void {
    this.#entries = this.#entries.filter((e) => e.key !== key)
    this.#kept.delete(key)
    this.#o.store.removeItem(this.#prefix + key)
    this.#changed()
  }

  #find(key: string): Entry | undefined {
    return this.#entries.find((e) => e.key === key)
  }

  #changed(): void {
    if (!this.#closed) this.#o.onChange(this.#entries)
  }

  get #prefix(): string { return `dateline.outbox.${this.#o.user}.` }

  #now(): number { return (this.#o.now ?? Date.now)() }
}
