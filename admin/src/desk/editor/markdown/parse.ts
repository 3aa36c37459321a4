import type Token from 'markdown-it/lib/token.mjs'
import type { Node } from 'prosemirror-model'
import { MarkdownParser } from 'prosemirror-markdown'
import { markdownIt } from './linkify'
import { schema } from './schema'

const attr = (token: Token, name: string) => token.attrGet(name) ?? ''

/** A list is tight when its first paragraph is hidden, as markdown-it marks it. */
function isTight(tokens: readonly Token[], i: number): boolean {
  while (++i < tokens.length) if (tokens[i]!.type !== 'list_item_open') return tokens[i]!.hidden
  return false
}

function plainText(tokens: Token[] | null): string {
  return (tokens ?? []).map((t) => (t.type === 'softbreak' ? ' ' : t.content || plainText(t.children))).join('')
}

const parser = new MarkdownParser(schema, markdownIt, {
  blockquote: { block: 'blockquote' },
  paragraph: { block: 'paragraph' },
  list_item: { block: 'list_item' },
  bullet_list: { block: 'bullet_list', getAttrs: (_, tokens, i) => ({ tight: isTight(tokens, i) }) },
  ordered_list: {
    block: 'ordered_list',
    getAttrs: (token, tokens, i) => ({ order: Number(token.attrGet('start') ?? 1), tight: isTight(tokens, i) }),
  },
  heading: { block: 'heading', getAttrs: (token) => ({ level: Number(token.tag.slice(1)) }) },
  code_block: { block: 'code_block', noCloseToken: true },
  fence: { block: 'code_block', getAttrs: (token) => ({ params: token.info }), noCloseToken: true },
  hr: { node: 'horizontal_rule' },
  image: {
    node: 'image',
    getAttrs: (token) => ({ src: attr(token, 'src'), title: attr(token, 'title'), alt: plainText(token.children) }),
  },
  hardbreak: { node: 'hard_break' },
  em: { mark: 'em' },
  strong: { mark: 'strong' },
  s: { mark: 'strike' },
  link: { mark: 'link', getAttrs: (token) => ({ href: attr(token, 'href'), title: attr(token, 'title') }) },
  code_inline: { mark: 'code', noCloseToken: true },
})

/** Reads Markdown. Every text is valid Markdown, so this never fails. */
export function parse(markdown: string): Node {
  return parser.parse(markdown)
}
