/** Copies text; also on pages without https, where navigator.clipboard is missing. */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text)
      return true
    }
  } catch {
    // Refused by the browser: the old way may still work.
  }
  return copyOldWay(text)
}

function copyOldWay(text: string): boolean {
  const area = Object.assign(document.createElement('textarea'), { value: text, readOnly: true })
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  const ok = document.execCommand('copy')
  area.remove()
  return ok
}
