import type { Node } from 'prosemirror-model'
import { MarkdownSerializer, type MarkdownSerializerState, defaultMarkdownSerializer as standard } from 'prosemirror-markdown'
import { escapeText } from './escape'
import { imageMarkdown } from './images'

/** The state's fields that the text writer needs; they are not in its declared type. */
interface Internals {
  out: string
  atBlockStart: boolean
  inAutolink?: boolean
}

function writeText(state: MarkdownSerializerState, node: Node): void {
  const inner = state as unknown as Internals
  if (inner.inAutolink) return state.text(node.text!, false)
  const lineStart = inner.atBlockStart || inner.out.endsWith('\n')
  state.text(escapeText(node.text!, lineStart), false)
}

function writeImage(state: MarkdownSerializerState, node: Node): void {
  state.write(imageMarkdown(node.attrs.src, node.attrs.alt, node.attrs.title))
}

const serializer = new MarkdownSerializer(
  {
    ...standard.nodes,
    bullet_list: (state, node) => state.renderList(node, '  ', () => '- '),
    horizontal_rule: (state, node) => { state.write('---'); state.closeBlock(node) },
    image: writeImage,
    text: writeText,
  },
  {
    ...standard.marks,
    strike: { open: '~~', close: '~~', mixable: true, expelEnclosingWhitespace: true },
  },
)

/** Writes Markdown that `parse` reads back as the same document. */
export function serialize(doc: Node): string {
  return serializer.serialize(doc)
}
