let styles: Promise<string[]> | undefined

/** The stylesheets of the readers' page, so that a preview looks the same. Empty when they cannot be found. */
export function readerStyles(): Promise<string[]> {
  styles ??= find().catch(() => {
    styles = undefined
    return []
  })
  return styles
}

async function find(): Promise<string[]> {
  const response = await fetch('/', { headers: { Accept: 'text/html' } })
  const page = new DOMParser().parseFromString(await response.text(), 'text/html')
  return [...page.querySelectorAll('link[rel=stylesheet]')].map((l) => l.getAttribute('href') ?? '').filter((h) => h.startsWith('/'))
}
