import { expect, test } from 'vitest'
import { type Change, insertBlock, link, type Selected, toggle } from './plain'

/** The text after a change, with the selection shown by | marks. */
function after(s: Selected, c: Change): string {
  const text = s.text.slice(0, c.from) + c.insert + s.text.slice(c.to)
  return c.start === c.end
    ? `${text.slice(0, c.start)}|${text.slice(c.start)}`
    : `${text.slice(0, c.start)}|${text.slice(c.start, c.end)}|${text.slice(c.end)}`
}

test('marks wrap the selection and come off again', () => {
  const s = { text: 'a goal b', start: 2, end: 6 }
  expect(after(s, toggle(s, 'bold'))).toBe('a **|goal|** b')
  const on = { text: 'a **goal** b', start: 4, end: 8 }
  expect(after(on, toggle(on, 'bold'))).toBe('a |goal| b')
})

test('line formats take whole lines', () => {
  const s = { text: 'one\ntwo\nthree', start: 1, end: 5 }
  expect(after(s, toggle(s, 'numbers'))).toBe('1. one\n2. two|\nthree')
  const on = { text: '- one\n- two', start: 0, end: 11 }
  expect(after(on, toggle(on, 'bullets'))).toBe('one\ntwo|')
})

test('a link takes the selection as its text', () => {
  const s = { text: 'see here', start: 4, end: 8 }
  expect(after(s, link(s, 'https://example.org'))).toBe('see [here](https://example.org)|')
})

test('a block gets empty lines around it', () => {
  const s = { text: 'one two', start: 3, end: 3 }
  expect(after(s, insertBlock(s, '![](media:1)'))).toBe('one\n\n![](media:1)\n\n| two')
})
