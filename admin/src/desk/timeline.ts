import type { Post } from '../api/names'

/**
 * The published posts of a blog by id. What arrives late or twice does no harm:
 * the highest version of each post wins, also over its removal.
 */
export class Timeline {
  #posts = new Map<string, Post>()
  #removed = new Map<string, number>()

  /** Adds or renews a post. Returns whether anything changed. */
  put(post: Post): boolean {
    const gone = this.#removed.get(post.id) ?? 0
    const known = this.#posts.get(post.id)
    if (post.version <= gone || (known && post.version < known.version)) return false
    if (post.status !== 'published') return this.remove(post.id, post.version)
    this.#removed.delete(post.id)
    this.#posts.set(post.id, merge(known, post))
    return true
  }

  remove(id: string, version: number): boolean {
    const known = this.#posts.get(id)
    if (known && known.version > version) return false
    this.#removed.set(id, Math.max(version, this.#removed.get(id) ?? 0))
    return this.#posts.delete(id)
  }

  /** Starts again from a page of posts. */
  reset(posts: Post[]): void {
    this.#posts.clear()
    this.#removed.clear()
    for (const post of posts) this.put(post)
  }

  addViews(views: Record<string, number>): void {
    for (const [id, n] of Object.entries(views)) {
      const post = this.#posts.get(id)
      if (post) this.#posts.set(id, { ...post, views: n })
    }
  }

  get(id: string): Post | undefined { return this.#posts.get(id) }

  /** Newest first. */
  list(): Post[] {
    return [...this.#posts.values()].sort((a, b) => b.position - a.position)
  }
}

/** The stream's shape has no text to edit and no views: those stay, but never the text of another version. */
function merge(known: Post | undefined, post: Post): Post {
  const views = post.views ?? known?.views ?? 0
  return { ...(known?.version === post.version ? known : { author: known?.author ?? null }), ...post, views }
}
