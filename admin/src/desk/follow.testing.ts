import { vi } from 'vitest'
import { follow, type Kind, type Page, type Snapshot, type State } from '../../../web/follow.js'

interface Event { seq: number; id: string; version: number; status?: string }

/** One blog as a server has it: its log, its streams, and what it answers to polls. */
export class FakeBlog {
  log: { type: Kind; data: Event }[] = []
  sources: FakeSource[] = []
  polls: string[] = []
  down = false
  ended = false
  epoch = 'E'

  constructor(readonly slug: string) {}

  get head() { return this.log.length }
  get open() { return this.sources.filter((s) => s.readyState !== 2) }

  publish(type: Kind = 'post', more: object = {}): void {
    const data = { seq: this.head + 1, id: `p${this.head + 1}`, version: 1, ...more }
    this.log.push({ type, data })
    if (data.seq === this.head) for (const s of this.open) if (s.greeted) s.send(type, data)
  }

  answer(url: URL): object {
    this.polls.push(url.search)
    const after = Number(url.searchParams.get('after'))
    const other = url.searchParams.get('epoch') !== this.epoch
    return {
      events: other ? [] : this.log.slice(after), ended: this.ended && !other,
      reset: other ? { reason: 'epoch' } : undefined,
    }
  }
}

/** The network: blogs by slug, and EventSource and fetch as tabs see them. */
export class FakeNetwork {
  blogs = new Map<string, FakeBlog>()
  /** Streams greet as soon as they are open. */
  greets = true

  blog(slug = 'a'): FakeBlog {
    const blog = this.blogs.get(slug) ?? new FakeBlog(slug)
    this.blogs.set(slug, blog)
    return blog
  }

  get open() { return [...this.blogs.values()].flatMap((b) => b.open) }

  fetch = async (address: string, { signal }: { signal: AbortSignal }) => {
    const url = new URL(address, 'http://x')
    const blog = this.blog(url.pathname.split('/')[1])
    const batch = blog.down ? null : blog.answer(url) as { events: unknown[] }
    const wait = Number(url.searchParams.get('wait'))
    if (batch && wait && !batch.events.length) {
      await new Promise((done, fail) => {
        const timer = setTimeout(done, wait * 1000)
        signal.addEventListener('abort', () => { clearTimeout(timer); fail(signal.reason) })
      })
      return { ok: true, json: async () => blog.answer(url) }
    }
    return { ok: batch !== null, json: async () => batch }
  }
}

/** Plays the server's side of an EventSource. */
export class FakeSource {
  readyState = 1
  greeted = false
  onopen = () => {}
  onerror = () => {}
  #listeners: [string, (e: { data: string }) => void][] = []

  constructor(readonly url: string, readonly network: FakeNetwork, readonly blog: FakeBlog) {
    blog.sources.push(this)
    if (network.greets && !blog.down) queueMicrotask(() => this.hello())
    if (blog.down) queueMicrotask(() => this.fail(true))
  }
  addEventListener(type: string, f: (e: { data: string }) => void) { this.#listeners.push([type, f]) }
  close() { this.readyState = 2 }
  send(type: string, data: unknown = {}) {
    if (this.readyState === 2) return
    for (const [t, f] of this.#listeners) if (t === type) f({ data: JSON.stringify(data) })
  }
  hello() {
    if (this.readyState === 2) return
    this.onopen()
    this.greeted = true
    const from = Number(new URLSearchParams(this.url.split('?')[1]).get('after'))
    this.send('hello', { epoch: this.blog.epoch, head: this.blog.head, from, token: 't' })
    for (const { type, data } of this.blog.log.slice(from)) this.send(type, data)
  }
  fail(closed: boolean) {
    if (this.readyState === 2) return
    this.readyState = closed ? 2 : 0
    this.onerror()
  }
}

interface Waiting { name: string; f: (lock: object | null) => unknown; done: (v: unknown) => void; fail: (e: unknown) => void }
interface LockOptions { signal?: AbortSignal; ifAvailable?: boolean; steal?: boolean }

/** Web Locks of one browser. */
export class FakeLocks {
  held = new Map<string, Waiting>()
  queue: Waiting[] = []

  request = (name: string, { signal, ifAvailable, steal }: LockOptions, f: Waiting['f']) => new Promise((done, fail) => {
    const request = { name, f, done, fail }
    if (steal) {
      this.held.get(name)?.fail(new DOMException('stolen', 'AbortError'))
      this.held.delete(name)
      return this.#grant(request)
    }
    if (ifAvailable && this.held.has(name)) return done(f(null))
    this.queue.push(request)
    signal?.addEventListener('abort', () => {
      if (!this.queue.includes(request)) return
      this.queue = this.queue.filter((r) => r !== request)
      fail(signal.reason)
    })
    if (ifAvailable) this.#next(name)
    else queueMicrotask(() => this.#next(name))
  })

  #next(name: string): void {
    const i = this.queue.findIndex((r) => r.name === name)
    if (i >= 0 && !this.held.has(name)) this.#grant(this.queue.splice(i, 1)[0]!)
  }

  #grant(request: Waiting): void {
    const { name, f, done } = request
    this.held.set(name, request)
    void Promise.resolve(f({ name })).then((v) => {
      done(v)
      if (this.held.get(name) !== request) return
      this.held.delete(name)
      this.#next(name)
    })
  }
}

/** BroadcastChannel of one browser; a frozen channel neither says nor hears. */
export const fakeChannels = () => {
  const all = new Set<Channel>()
  class Channel {
    onmessage: ((e: { data: unknown }) => void) | null = null
    frozen = false
    constructor(readonly name: string) { all.add(this) }
    postMessage(message: unknown) {
      if (this.frozen) return
      const data = structuredClone(message)
      for (const c of all) if (c !== this && c.name === this.name) queueMicrotask(() => { if (!c.frozen) c.onmessage?.({ data }) })
    }
    close() { all.delete(this) }
  }
  return { Channel, all }
}

/** One tab: a follower and what it applied. */
export class Tab {
  applied: string[] = []
  states: State[] = []
  hidden = false
  page = new EventTarget()
  reloads = 0
  snapshot: Snapshot
  follower: ReturnType<typeof follow>

  constructor(readonly network: FakeNetwork, readonly slug = 'a', from: Partial<Snapshot> = {}) {
    const blog = network.blog(slug)
    const tab = this
    this.snapshot = { seq: blog.head, epoch: blog.epoch, status: blog.ended ? 'ended' : 'live', ...from }
    vi.stubGlobal('document', Object.defineProperty(this.page, 'hidden', { get: () => tab.hidden }))
    const page: Page = {
      event: (kind, data, fresh) => this.applied.push(`${kind}${data.seq}${fresh ? '' : ' old'}`),
      state: (state) => this.states.push(state),
      counts: () => {},
      reload: async () => {
        this.reloads++
        return { seq: blog.head, epoch: blog.epoch, status: blog.ended ? 'ended' : 'live' }
      },
    }
    this.follower = follow(`/${slug}/`, this.snapshot, page)
    this.follower.start()
  }

  hide(hidden: boolean) {
    this.hidden = hidden
    this.page.dispatchEvent(new globalThis.Event('visibilitychange'))
  }
  get state() { return this.states.at(-1) }
}
