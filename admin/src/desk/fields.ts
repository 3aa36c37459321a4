import type { Post, PostFields } from '../api/names'

/** The part of a post that a person edits. */
export function fieldsOf(post: Post): PostFields {
  return {
    title: post.title, body: post.body ?? '', byline: post.byline, tags: [...(post.tags ?? [])],
    key_event: post.key_event, pinned: post.pinned,
  }
}

/** The fields of `mine` that differ from `base`. */
export function changes(base: PostFields, mine: PostFields): Partial<PostFields> {
  const names = Object.keys(mine) as (keyof PostFields)[]
  const changed = names.filter((n) => JSON.stringify(mine[n]) !== JSON.stringify(base[n]))
  return Object.fromEntries(changed.map((n) => [n, mine[n]]))
}
