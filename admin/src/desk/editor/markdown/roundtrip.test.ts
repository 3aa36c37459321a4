import type { Node } from 'prosemirror-model'
import { describe, expect, test } from 'vitest'
import { parse } from './parse'
import { schema } from './schema'
import { serialize } from './serialize'
import { imageMarkdown } from './images'

const paragraph = (...children: (string | Node)[]) =>
  schema.node('paragraph', null, children.map((c) => (typeof c === 'string' ? schema.text(c) : c)))
const doc = (...blocks: Node[]) => schema.node('doc', null, blocks)

describe('text that looks like markup stays text', () => {
  const cases = [
    '1. FC Koeln', '12) twelfth', '- dash', '+ plus', '* star', '# hash', '###### six', '> quoted', '---', '- - -', '===',
    '```', '~~~', '~~not struck~~', '**not bold**', '_under_', 'snake_case_word', '[a](b)', '![a](b)', '`code`', '<b>tag</b>',
    '&amp; &copy; &#39;', 'a \\ b', '    four spaces', '1.', '-', '#', '2026. A year', 'x < y & z', '| a | b |',
    'https://example.org/a_b_c*d*', 'See https://example.org/_x_/(y)?a=1&b=2 now', 'http://[::1]/', 'www.example.org',
    'שלום עולם 1. שורה', 'مرحبا *بالعالم*', '1. 試合開始', '見て https://例え.jp/a_b_ です', '- 👩‍👩‍👧‍👦 🇩🇪 goal ⚽️', 'Tor! ⚽ 1:0 *', 'trailing\\',
  ]
  test.each(cases)('%s', (text) => {
    const original = doc(paragraph(text))
    const again = parse(serialize(original))
    expect(again.childCount).toBe(1)
    expect(again.firstChild!.type.name).toBe('paragraph')
    expect(again.textContent).toBe(text.trim())
    expect(again.firstChild!.firstChild!.marks).toHaveLength(0)
  })

  test.each(cases)('after a line break: %s', (text) => {
    const again = parse(serialize(doc(paragraph('before', schema.node('hard_break'), text))))
    expect(again.childCount).toBe(1)
    expect(again.firstChild!.type.name).toBe('paragraph')
    expect(again.textContent).toBe(`before${text.trim()}`)
  })
})

describe('Markdown comes out as it went in', () => {
  test.each([
    ['a bare address alone', 'https://example.org/watch?v=a_b_c&t=1'],
    ['a bare address in text', 'See https://example.org/a_b, and more.'],
    ['an escaped number', '1\\. FC Koeln'],
    ['an escaped dash', '\\- dash'],
    ['an escaped hash', '\\# hash'],
    ['marks', 'a **b** *c* ~~d~~ `e` [f](https://g.example "h")'],
    ['a list', '- one\n- two\n  - three'],
    ['a loose list', '- one\n\n- two'],
    ['a numbered list', '3. three\n4. four'],
    ['a heading', '## Half time'],
    ['a quote', '> said\n>\n> twice'],
    ['code', '```go\nx := 1 // *\n```'],
    ['an image', '![The goal](media:0b9d6a2e)'],
    ['an image with a caption', '![The goal](media:0b9d6a2e "1:0, *not* bold, \\"quoted\\"")'],
    ['a rule', 'a\n\n---\n\nb'],
    ['a line break', 'a\\\nb'],
    ['a soft break', 'a\nb'],
    ['Arabic', 'مرحبا **بالعالم** 1:0'],
    ['Hebrew', '- שלום\n- עולם'],
    ['Chinese', '# 比赛开始\n\n**进球**了'],
    ['emoji', '⚽️ 👩🏽‍🚀 **🇧🇷**'],
  ])('%s', (_, markdown) => {
    expect(serialize(parse(markdown))).toBe(markdown)
  })
})

test('an image keeps any caption and description', () => {
  const attrs = { src: 'media:1', alt: 'a ] [ * b', title: 'say "x" \\ 1. <b> &amp;' }
  const again = parse(imageMarkdown(attrs.src, attrs.alt, attrs.title))
  expect(again.firstChild!.firstChild!.attrs).toEqual(attrs)
})

test('text of random markup characters survives', () => {
  const alphabet = ['*', '_', '`', '~', '[', ']', '(', ')', '<', '>', '!', '#', '-', '+', '.', '1', ' ', 'a', 'é', '日', '\\', '&', ';', '|', '=', ':', '/', '👍']
  let seed = 7
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n
  for (let i = 0; i < 3000; i++) {
    const text = Array.from({ length: 1 + random(12) }, () => alphabet[random(alphabet.length)]).join('').trim()
    if (text === '') continue
    const markdown = serialize(doc(paragraph(text), paragraph('next')))
    const again = parse(markdown)
    expect(again.childCount, markdown).toBe(2)
    expect(again.firstChild!.textContent, markdown).toBe(text)
  }
})
