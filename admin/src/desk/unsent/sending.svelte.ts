import { createPost } from '../../api/operations'
import { uuid } from '../../browser/id'
import { notices } from '../../ui/notices.svelte'
import { type Entry, Outbox } from './outbox'
import type { NewPost, Post } from '../../api/names'

type Listener = (entry: Entry, post: Post) => void

/** The outbox of the user who is signed in, for all screens. */
class Sending {
  entries = $state.raw<readonly Entry[]>([])
  #outbox: Outbox | null = null
  #user = ''
  #listeners = new Set<Listener>()

  constructor() {
    addEventListener('online', () => this.#outbox?.flush())
  }

  /** Takes up the user's unsent posts; after a new sign-in, tries them again. */
  open(user: string): void {
    if (this.#user === user) return this.#outbox?.flush()
    this.close()
    this.#user = user
    this.#outbox = new Outbox({
      user,
      store: localStorage,
      send: (e) => createPost(e.slug, e.post, e.key),
      onChange: (entries) => { this.entries = entries },
      onSent: (entry, post) => this.#sent(entry, post),
      exclusive: async (name, f) => { await (navigator.locks ? navigator.locks.request(name, f) : f()) },
    })
    this.#outbox.start()
  }

  close(): void {
    this.#outbox?.close()
    this.#outbox = null
    this.#user = ''
    this.entries = []
  }

  /** Returns false when only this page has the post until it is sent. */
  add(slug: string, post: NewPost): boolean {
    return this.#outbox?.add(uuid(), slug, post) ?? false
  }

  flush(): void { this.#outbox?.flush() }
  retry(key: string): void { this.#outbox?.retry(key) }
  remove(key: string): Entry | undefined { return this.#outbox?.remove(key) }

  /** Calls f for every post that arrived, until the returned function is called. */
  listen(f: Listener): () => void {
    this.#listeners.add(f)
    return () => this.#listeners.delete(f)
  }

  #sent(entry: Entry, post: Post): void {
    notices.say({ published: 'Published.', draft: 'Saved as draft.', submitted: 'Submitted for approval.' }[entry.post.status])
    for (const f of this.#listeners) f(entry, post)
  }
}

export const sending = new Sending()
