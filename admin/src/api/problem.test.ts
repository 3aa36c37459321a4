import { describe, expect, test } from 'vitest'
import { ApiError, explain, problemFrom } from './problem'

const from = (status: number, body: unknown, headers: Record<string, string> = {}) => problemFrom(status, new Headers(headers), body)

describe('a problem document', () => {
  const err = from(422, {
    code: 'invalid', detail: 'some fields are not valid', request_id: 'r1',
    errors: [{ location: 'body.slug', message: 'must be short' }, { location: 'body.tags[1]', message: 'must not be empty' }],
  })

  test('keeps code, fields and request', () => {
    expect([err.status, err.code, err.requestId]).toEqual([422, 'invalid', 'r1'])
    expect(err.field('slug')).toBe('must be short')
    expect(err.field('tags')).toBe('must not be empty')
    expect(err.field('title')).toBe('')
  })

  test('is explained by its fields', () => {
    expect(explain(err)).toBe('Please check: slug must be short; tags[1] must not be empty.')
  })

  test('brings the current post with 412', () => {
    expect(from(412, { code: 'version_not_current', current: { id: 'p', version: 4 } }).current).toMatchObject({ id: 'p', version: 4 })
  })
})

test('an answer of a proxy, without a problem document', () => {
  const err = from(502, null, { 'Retry-After': '7', 'X-Request-Id': 'abc' })
  expect([err.code, err.retryAfter, err.requestId]).toEqual(['http_502', 7, 'abc'])
  expect(explain(err)).toBe('The server failed. Your text is kept here.')
})

test.each([
  [0, 'unreachable', true], [408, 'x', true], [429, 'too_many_requests', true], [500, 'internal', true], [503, 'outcome_unknown', true],
  [409, 'conflict', false], [401, 'not_signed_in', false], [403, 'not_allowed', false],
  [412, 'version_not_current', false], [422, 'invalid', false],
])('%i %s may be tried again: %s', (status, code, again) => {
  expect(new ApiError(status, code).retryable).toBe(again)
})

test.each([
  [new ApiError(0, 'unreachable', 'fetch failed'), 'The server cannot be reached.'],
  [new ApiError(403, 'not_allowed'), 'You may not do this.'],
  [new ApiError(409, 'blog_ended', 'the blog has ended'), 'The blog has ended.'],
  [new ApiError(418, 'teapot'), 'The server refused this (teapot).'],
  [new Error('plain'), 'plain'],
])('explains %s', (err, words) => {
  expect(explain(err)).toBe(words)
})
