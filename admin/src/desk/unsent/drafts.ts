import { readItem, type Store, writeItem } from '../../browser/storage'
import type { PostFields } from '../../api/names'

/** A text that is being written, as kept in the browser. */
export interface Draft {
  fields: PostFields
  /** Version of the post that the text started from; 0 for a new post. */
  base: number
  /** When it was kept, in milliseconds. */
  at: number
  /** The tab that wrote it. */
  tab: string
}

export const emptyFields = (): PostFields => ({ title: '', body: '', byline: '', tags: [], key_event: false, pinned: false })

/** Whether there is any text to lose; toggles alone are none. */
export function hasText(f: PostFields): boolean {
  return f.title.trim() !== '' || f.body.trim() !== ''
}

/**
 * Keeps one unfinished text per user, blog and place: `new` is the composer, a
 * post's id its edit form. What a pause in typing writes, a reload brings back.
 */
export class Drafts {
  constructor(
    private readonly store: Store,
    private readonly user: string,
    private readonly tab: string,
    private readonly now: () => number = Date.now,
  ) {}

  load(slug: string, place: string): Draft | null {
    return readItem<Draft>(this.store, this.#key(slug, place))
  }

  /** Returns false when the browser cannot keep it. An empty text is removed. */
  save(slug: string, place: string, fields: PostFields, base = 0): boolean {
    if (base === 0 && !hasText(fields)) {
      this.clear(slug, place)
      return true
    }
    const draft: Draft = { fields, base, at: this.now(), tab: this.tab }
    return writeItem(this.store, this.#key(slug, place), draft)
  }

  /** Removes what this tab kept; the text of another tab stays. */
  clear(slug: string, place: string): void {
    const key = this.#key(slug, place)
    const kept = readItem<Draft>(this.store, key)
    if (kept && kept.tab === this.tab) this.store.removeItem(key)
  }

  /** Makes the kept text that of this tab, after it was shown here. */
  adopt(slug: string, place: string): Draft | null {
    const draft = this.load(slug, place)
    if (draft) writeItem(this.store, this.#key(slug, place), { ...draft, tab: this.tab })
    return draft
  }

  #key(slug: string, place: string): string {
    return `dateline.draft.${this.user}.${slug}.${place}`
  }
}
