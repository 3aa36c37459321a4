import MarkdownIt from 'markdown-it'
import type Token from 'markdown-it/lib/token.mjs'

/**
 * The Markdown that the server understands: CommonMark without raw HTML, with
 * strikethrough. Bare addresses are recognised, so that nothing inside them is
 * taken for markup, and then left as the text that they are.
 */
export const markdownIt = new MarkdownIt('commonmark', { html: false, linkify: true }).enable(['strikethrough', 'linkify'])

markdownIt.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false })

markdownIt.core.ruler.after('linkify', 'keep-source', (state) => {
  for (const { children } of state.tokens) {
    if (children) keepSource(children)
  }
})

/** Drops the links of bare addresses, and keeps line ends, which the standard parser turns into spaces. */
function keepSource(tokens: Token[]): void {
  tokens.splice(0, tokens.length, ...tokens.filter((t) => t.markup !== 'linkify'))
  for (const t of tokens) {
    if (t.type === 'softbreak') Object.assign(t, { type: 'text', content: '\n' })
  }
}

/** The places of bare addresses in a text, as [start, end]. */
export function bareAddresses(text: string): [number, number][] {
  const found = markdownIt.linkify.match(text) ?? []
  return found.filter((m) => /^https?:/i.test(m.schema)).map((m) => [m.index, m.lastIndex])
}
