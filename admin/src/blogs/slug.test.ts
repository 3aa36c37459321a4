import { expect, test } from 'vitest'
import { suggestSlug } from './slug'

test.each([
  ['Cup final 2026: Köln – Straße', 'cup-final-2026-koeln-strasse'],
  ["  What's new?  ", 'whats-new'],
  ['São Tomé e Príncipe', 'sao-tome-e-principe'],
  ['Łódź', 'lodz'],
  ['EU', 'eu-live'],
  ['试合', ''],
  ['⚽️', ''],
  ['word '.repeat(30), 'word-word-word-word-word-word-word-word-word-word-word-word-word'.slice(0, 64)],
  ['x'.repeat(100), 'x'.repeat(64)],
])('%s', (title, slug) => {
  expect(suggestSlug(title)).toBe(slug)
})
