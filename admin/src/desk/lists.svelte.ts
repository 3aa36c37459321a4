import type { Post } from '../api/names'
import { listPosts } from '../api/operations'
import { notices } from '../ui/notices.svelte'
import { Throttle } from './throttle'

/** Milliseconds between two rounds of requests, however many events cause them. */
const roundEvery = 1000

/** The posts of a blog that are in no stream: drafts, submissions and removed posts. */
export class Lists {
  drafts = $state.raw<Post[]>([])
  submitted = $state.raw<Post[]>([])
  removed = $state.raw<Post[]>([])
  #throttle = new Throttle(() => this.#read(), roundEvery)
  #round = 0

  constructor(private readonly slug: string) {}

  /** Reads the lists at once, after a change of this user. */
  load(): Promise<void> { return this.#throttle.now() }

  /** Reads the lists within a second, after an event of the stream. */
  loadSoon(): void { this.#throttle.soon() }

  close(): void { this.#throttle.stop() }

  async #read(): Promise<void> {
    const round = ++this.#round
    const list = async (status: 'draft' | 'submitted' | 'removed') =>
      (await listPosts(this.slug, { status, limit: 100 })).items
    try {
      const [drafts, submitted, removed] = await Promise.all([list('draft'), list('submitted'), list('removed')])
      // A newer round has begun: its answers are newer, too.
      if (round !== this.#round) return
      if (submitted.length > this.submitted.length) notices.say(`${submitted.length} waiting for approval.`)
      Object.assign(this, { drafts, submitted, removed })
    } catch {
      // The lists stay as they were; the connection state tells why.
    }
  }
}
