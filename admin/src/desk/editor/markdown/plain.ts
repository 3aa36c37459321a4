/** A text with a selection, as a textarea has it. */
export interface Selected {
  text: string
  start: number
  end: number
}

export type Format = 'bold' | 'italic' | 'strike' | 'code' | 'heading' | 'bullets' | 'numbers' | 'quote'

/** A replacement of a part of the text, and the selection after it. */
export interface Change {
  from: number
  to: number
  insert: string
  start: number
  end: number
}

const wraps: Partial<Record<Format, string>> = { bold: '**', italic: '*', strike: '~~', code: '`' }
const prefixes: Partial<Record<Format, (i: number) => string>> = {
  heading: () => '## ', bullets: () => '- ', numbers: (i) => `${i + 1}. `, quote: () => '> ',
}

/** Switches a format on or off for the selection. */
export function toggle(s: Selected, format: Format): Change {
  const wrap = wraps[format]
  return wrap ? toggleWrap(s, wrap) : toggleLines(s, prefixes[format]!)
}

function toggleWrap({ text, start, end }: Selected, mark: string): Change {
  const n = mark.length
  const inner = text.slice(start, end)
  if (text.slice(start - n, start) === mark && text.slice(end, end + n) === mark) {
    return { from: start - n, to: end + n, insert: inner, start: start - n, end: end - n }
  }
  return { from: start, to: end, insert: mark + inner + mark, start: start + n, end: end + n }
}

function toggleLines({ text, start, end }: Selected, prefix: (i: number) => string): Change {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const next = text.indexOf('\n', end)
  const to = next < 0 ? text.length : next
  const lines = text.slice(from, to).split('\n')
  const on = lines.every((line, i) => line.startsWith(prefix(i)))
  const insert = lines.map((line, i) => (on ? line.slice(prefix(i).length) : prefix(i) + line)).join('\n')
  return { from, to, insert, start: from + insert.length, end: from + insert.length }
}

/** Makes the selection a link. */
export function link({ text, start, end }: Selected, href: string): Change {
  const label = text.slice(start, end) || href
  const insert = `[${label}](${href})`
  return { from: start, to: end, insert, start: start + insert.length, end: start + insert.length }
}

/** Puts a block of its own at the cursor. */
export function insertBlock({ text, start, end }: Selected, block: string): Change {
  const before = start === 0 || text.slice(0, start).endsWith('\n\n') ? '' : text[start - 1] === '\n' ? '\n' : '\n\n'
  const after = text.slice(end).startsWith('\n') ? '' : '\n\n'
  const insert = before + block + after
  return { from: start, to: end, insert, start: start + insert.length, end: start + insert.length }
}
