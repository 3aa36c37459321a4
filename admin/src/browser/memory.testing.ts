import type { Store } from './storage'

/** A Storage in memory, for tests. `full` makes it refuse to write. */
export class MemoryStore implements Store {
  full = false
  #items = new Map<string, string>()

  get length() { return this.#items.size }
  key(i: number) { return [...this.#items.keys()][i] ?? null }
  getItem(key: string) { return this.#items.get(key) ?? null }
  removeItem(key: string) { this.#items.delete(key) }
  setItem(key: string, value: string) {
    if (this.full) throw new DOMException('full', 'QuotaExceededError')
    this.#items.set(key, value)
  }
}
