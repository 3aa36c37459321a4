import type { Counts, Kind, Snapshot, State } from '../../../web/follow.js'
import { session } from '../account/session.svelte'
import type { Blog, Post } from '../api/names'
import { getBlog, getStats } from '../api/operations'
import { explain } from '../api/problem'
import { Connection } from './connection.svelte'
import { Lists } from './lists.svelte'
import { Timeline } from './timeline.svelte'

/** How often lists and counts are read without an event, in milliseconds. */
const pollEvery = 30_000

/** What the screen of one blog shows: its parts, kept current by the blog's stream. */
export class Desk {
  blog = $state.raw<Blog | null>(null)
  readers = $state(0)
  loading = $state(true)
  error = $state('')
  readonly timeline: Timeline
  readonly lists: Lists
  readonly connection: Connection
  #poll: ReturnType<typeof setInterval> | undefined
  #closed = false

  constructor(readonly slug: string) {
    this.timeline = new Timeline(slug)
    this.lists = new Lists(slug)
    this.connection = new Connection(slug, {
      event: (kind, data) => this.#apply(kind, data),
      counts: (counts) => this.#count(counts),
      state: (state) => this.#connectionIs(state),
      reload: async () => { await this.#loadBlog(); return this.#loadTimeline() },
      signIn: () => this.#loadBlog(),
    })
  }

  async open(): Promise<void> {
    this.loading = true
    this.error = ''
    try {
      await this.#loadBlog()
      const from = await this.#loadTimeline()
      void this.lists.load()
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
    this.connection.stop()
    this.lists.close()
    clearInterval(this.#poll)
  }

  /** Reads the blog again and follows it, after this user has ended or reopened it. */
  async restart(): Promise<void> {
    this.connection.stop()
    await this.open()
  }

  isPinned(post: Post): boolean {
    return this.blog?.pinned_post_id === post.id
  }

  /** Shows a post that this user created or changed, before the stream brings it. */
  put(post: Post): void {
    this.timeline.put(post)
    if (post.status !== 'published') void this.lists.load()
  }

  /** Takes away a post that this user removed, before the stream does. */
  drop(id: string, version: number): void {
    this.timeline.remove(id, version)
    void this.lists.load()
  }

  async #loadBlog(): Promise<void> {
    this.blog = await getBlog(this.slug)
    session.here = this.blog.permissions ?? []
  }

  async #loadTimeline(): Promise<Snapshot> {
    const page = await this.timeline.load()
    this.connection.heard()
    void this.#loadStats()
    return { epoch: page.epoch, seq: page.last_seq, chain: page.chain, status: this.blog?.status }
  }

  async #loadStats(): Promise<void> {
    try {
      this.#count(await getStats(this.slug))
    } catch {
      // Counts arrive with the stream as well.
    }
  }

  #follow(from: Snapshot): void {
    clearInterval(this.#poll)
    this.#poll = setInterval(() => this.#refresh(), pollEvery)
    this.connection.start(from)
  }

  /** Reads what no event reports to an editor who only watches. */
  #refresh(): void {
    if (document.visibilityState !== 'visible') return
    void this.lists.load()
    void this.#loadStats()
  }

  #apply(kind: Kind, data: unknown): void {
    if (kind === 'blog') {
      this.blog = { ...this.blog!, ...(data as Blog) }
      return
    }
    const post = data as Post
    const changed = kind === 'delete' ? this.timeline.remove(post.id, post.version) : this.timeline.put({ ...post, status: 'published' })
    if (changed) this.lists.loadSoon()
  }

  #count({ readers, posts }: Counts): void {
    this.readers = readers ?? this.readers
    this.timeline.setViews(posts ?? {})
  }

  #connectionIs(state: State): void {
    if (state === 'live') void this.#loadStats()
    if (state === 'ended') void this.#loadBlog().catch(() => {})
  }
}
