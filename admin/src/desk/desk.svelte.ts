import { follow, type Batch, type Counts, type Kind, type Snapshot, type State } from '../../../web/follow.js'
import * as api from '../api/operations'
import { explain } from '../api/problem'
import { notices } from '../ui/notices.svelte'
import { session } from '../account/session.svelte'
import { Timeline } from './timeline'
import type { Blog, Post } from '../api/names'

const pageSize = 30
/** How often drafts, submissions and counts are asked for, in milliseconds. */
const pollEvery = 30_000

/** Everything that the screen of one blog shows, kept current by the blog's stream. */
export class Desk {
  blog = $state.raw<Blog | null>(null)
  posts = $state.raw<Post[]>([])
  drafts = $state.raw<Post[]>([])
  submitted = $state.raw<Post[]>([])
  removed = $state.raw<Post[]>([])
  readers = $state(0)
  connection = $state<State>('connecting')
  lastHeard = $state(0)
  cursor = $state('')
  loading = $state(true)
  error = $state('')

  #timeline = new Timeline()
  #follower: ReturnType<typeof follow> | null = null
  #poll: ReturnType<typeof setInterval> | undefined
  #closed = false

  constructor(readonly slug: string) {}

  async open(): Promise<void> {
    this.loading = true
    this.error = ''
    try {
      await this.reloadBlog()
      const from = await this.#load()
      void this.loadSide()
      if (!this.#closed) this.#follow(from)
    } catch (err) {
      this.error = explain(err)
    } finally {
      this.loading = false
    }
  }

  close(): void {
    this.#closed = true
    session.here = []
    this.#follower?.stop()
    clearInterval(this.#poll)
  }

  isPinned(post: Post): boolean {
    return this.blog?.pinned_post_id === post.id
  }

  /** Shows a post that this page itself created or changed, before the stream brings it. */
  put(post: Post): void {
    if (this.#timeline.put(post)) this.#show()
    if (post.status !== 'published') void this.loadSide()
  }

  drop(id: string, version: number): void {
    if (this.#timeline.remove(id, version)) this.#show()
    void this.loadSide()
  }

  async loadOlder(): Promise<void> {
    const page = await api.listPosts(this.slug, { cursor: this.cursor, limit: pageSize })
    for (const post of page.items) this.#timeline.put(post)
    this.cursor = page.next_cursor
    this.#show()
  }

  /** Drafts, submissions and removed posts: they are in no stream. */
  async loadSide(): Promise<void> {
    const list = async (status: 'draft' | 'submitted' | 'removed') =>
      (await api.listPosts(this.slug, { status, limit: 100 })).items
    try {
      const [drafts, submitted, removed] = await Promise.all([list('draft'), list('submitted'), list('removed')])
      this.#announceSubmissions(submitted)
      Object.assign(this, { drafts, submitted, removed })
    } catch {
      // The lists stay as they were; the connection state tells why.
    }
  }

  /** Reads the blog again and follows it, after it was ended or reopened here. */
  async restart(): Promise<void> {
    this.#follower?.stop()
    await this.open()
  }

  async reloadBlog(): Promise<void> {
    this.blog = await api.getBlog(this.slug)
    session.here = this.blog.permissions ?? []
  }

  async #load(): Promise<Snapshot> {
    const limit = Math.min(100, Math.max(pageSize, this.posts.length))
    const page = await api.listPosts(this.slug, { limit })
    this.#timeline.reset(page.items)
    this.cursor = page.next_cursor
    this.#show()
    this.lastHeard = Date.now()
    void this.#loadStats()
    return { epoch: page.epoch, seq: page.last_seq, chain: page.chain, status: this.blog?.status }
  }

  async #loadStats(): Promise<void> {
    try {
      const stats = await api.getStats(this.slug)
      this.readers = stats.readers
      this.#timeline.addViews(stats.posts)
      this.#show()
    } catch {
      // Counts arrive with the stream as well.
    }
  }

  #follow(from: Snapshot): void {
    clearInterval(this.#poll)
    this.#poll = setInterval(() => this.#refresh(), pollEvery)
    this.connection = this.blog?.status === 'ended' ? 'ended' : 'connecting'
    this.#follower = follow(`/api/v1/blogs/${encodeURIComponent(this.slug)}/`, from, {
      event: (kind, data) => this.#apply(kind, data),
      counts: (v) => this.#views(v),
      state: (state) => this.#connectionIs(state),
      alive: () => { this.lastHeard = Date.now() },
      reload: async () => { await this.reloadBlog(); return this.#load() },
      ask: (url, signal) => this.#ask(url, signal),
    })
    this.#follower.start()
  }

  /** The events after our place. Who may no longer read them signs in anew, and asks again. */
  async #ask(url: string, signal: AbortSignal): Promise<Batch> {
    const answer = await fetch(url, { signal })
    if (answer.status === 401) await this.reloadBlog()
    if (!answer.ok) throw new Error(`events: ${answer.status}`)
    return answer.json()
  }

  /** What the stream does not bring to an editor who only watches. */
  #refresh(): void {
    if (document.visibilityState !== 'visible') return
    void this.loadSide()
    void this.#loadStats()
  }

  #apply(kind: Kind, data: unknown): void {
    if (kind === 'blog') {
      this.blog = { ...this.blog!, ...(data as Blog) }
      return
    }
    const post = data as Post
    const changed = kind === 'delete' ? this.#timeline.remove(post.id, post.version) : this.#timeline.put({ ...post, status: 'published' })
    if (!changed) return
    this.#show()
    void this.loadSide()
  }

  #views(v: Counts): void {
    this.readers = v.readers ?? this.readers
    this.#timeline.addViews(v.posts ?? {})
    this.#show()
  }

  #connectionIs(state: State): void {
    const before = this.connection
    this.connection = state
    if (before === 'live' && state !== 'live') notices.say(connectionWords[state])
    if (state === 'live') void this.#loadStats()
    if (before !== 'live' && before !== 'connecting' && state === 'live') notices.say('Connected again.')
    if (state === 'ended') void this.reloadBlog().catch(() => {})
  }

  #announceSubmissions(now: Post[]): void {
    const fresh = now.length - this.submitted.length
    if (fresh > 0 && !this.loading) notices.say(`${now.length} waiting for approval.`)
  }

  #show(): void {
    this.posts = this.#timeline.list()
  }
}

/** What the state of the connection is called on the screen. */
export const connectionWords: Record<State, string> = {
  connecting: 'Connecting', live: 'Connected', reconnecting: 'Reconnecting', offline: 'Offline', ended: 'Ended',
}
