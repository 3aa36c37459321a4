/** Where the page is: the parts of a hash such as #/blogs/final. */
class Router {
  #parts = $state.raw<string[]>(read())

  constructor() {
    addEventListener('hashchange', () => { this.#parts = read() })
  }

  get parts(): string[] { return this.#parts }

  go(path: string): void {
    location.hash = path
  }

  /** Goes somewhere without a step in the history: the secret of a setup link must not stay there. */
  replace(path: string): void {
    history.replaceState(null, '', `#${path}`)
    this.#parts = read()
  }
}

function read(): string[] {
  return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decode)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const router = new Router()
