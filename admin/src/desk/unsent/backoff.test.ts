import { expect, test } from 'vitest'
import { fullJitter } from './backoff'

test('the wait grows between base and cap', () => {
  expect([0, 1, 2, 10, 1000].map((n) => fullJitter(n, 1000, 30_000, () => 1))).toEqual([1000, 2000, 4000, 30_000, 30_000])
  expect(fullJitter(5, 1000, 30_000, () => 0)).toBe(1000)
  expect(fullJitter(2, 1000, 30_000, () => 0.5)).toBe(2500)
})
