/** The part of Storage that is used, so that tests need no browser. */
export interface Store {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
  key(index: number): string | null
  readonly length: number
}

/** Reads JSON; null when there is none, it is damaged, or the browser forbids storage. */
export function readItem<T>(store: Store, key: string): T | null {
  try {
    const text = store.getItem(key)
    return text === null ? null : (JSON.parse(text) as T)
  } catch {
    return null
  }
}

/** Writes JSON; false when the browser refuses: storage full or forbidden. */
export function writeItem(store: Store, key: string, value: unknown): boolean {
  try {
    store.setItem(key, JSON.stringify(value))
    return true
  } catch {
    return false
  }
}

/** All keys that begin with a prefix. */
export function keysWith(store: Store, prefix: string): string[] {
  try {
    return Array.from({ length: store.length }, (_, i) => store.key(i)!).filter((k) => k.startsWith(prefix))
  } catch {
    return []
  }
}
