import type { Post, PostPage } from '../api/names'
import { listPosts } from '../api/operations'

const pageSize = 30
const maxPageSize = 100

/**
 * The published posts of a blog. A post that arrives late or twice does no harm:
 * the highest version of each post wins, also over its removal.
 */
export class Timeline {
  /** Newest first. */
  posts = $state.raw<Post[]>([])
  /** Where older posts begin; empty when there are none. */
  cursor = $state('')
  #posts = new Map<string, Post>()
  /** The versions at which posts were removed. */
  #removed = new Map<string, number>()

  constructor(private readonly slug: string) {}

  /** Adds or renews a post. Returns whether anything changed. */
  put(post: Post): boolean {
    return this.#shown(this.#put(post))
  }

  /** Removes a post. Returns whether it was there. */
  remove(id: string, version: number): boolean {
    return this.#shown(this.#remove(id, version))
  }

  /** Reads the newest posts, as many as are shown, and starts again from them. */
  async load(): Promise<PostPage> {
    const page = await listPosts(this.slug, { limit: Math.min(maxPageSize, Math.max(pageSize, this.posts.length)) })
    this.reset(page.items)
    this.cursor = page.next_cursor
    return page
  }

  async loadOlder(): Promise<void> {
    const page = await listPosts(this.slug, { cursor: this.cursor, limit: pageSize })
    for (const post of page.items) this.#put(post)
    this.cursor = page.next_cursor
    this.#show()
  }

  reset(posts: Post[]): void {
    this.#posts.clear()
    this.#removed.clear()
    for (const post of posts) this.#put(post)
    this.#show()
  }

  /** Takes new numbers of views, by the post's id. */
  setViews(views: Record<string, number>): void {
    for (const [id, n] of Object.entries(views)) {
      const post = this.#posts.get(id)
      if (post) this.#posts.set(id, { ...post, views: n })
    }
    this.#show()
  }

  get(id: string): Post | undefined { return this.#posts.get(id) }

  #put(post: Post): boolean {
    const gone = this.#removed.get(post.id) ?? 0
    const known = this.#posts.get(post.id)
    if (post.version <= gone || (known && post.version < known.version)) return false
    if (post.status !== 'published') return this.#remove(post.id, post.version)
    this.#removed.delete(post.id)
    this.#posts.set(post.id, merge(known, post))
    return true
  }

  #remove(id: string, version: number): boolean {
    const known = this.#posts.get(id)
    if (known && known.version > version) return false
    this.#removed.set(id, Math.max(version, this.#removed.get(id) ?? 0))
    return this.#posts.delete(id)
  }

  #shown(changed: boolean): boolean {
    if (changed) this.#show()
    return changed
  }

  #show(): void {
    this.posts = [...this.#posts.values()].sort((a, b) => b.position - a.position)
  }
}

/** An event of the stream has no text to edit and no views: those stay, but never the text of another version. */
function merge(known: Post | undefined, post: Post): Post {
  const views = post.views ?? known?.views ?? 0
  return { ...(known?.version === post.version ? known : { author: known?.author ?? null }), ...post, views }
}
