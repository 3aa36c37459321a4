import { expect, test } from 'vitest'
import { Timeline } from './timeline.svelte'
import type { Post } from '../api/names'

const post = (id: string, version: number, more: Partial<Post> = {}): Post => ({
  id, version, position: Number(id), status: 'published', title: `${id} v${version}`, html: '', byline: '', tags: [], key_event: false,
  pinned: false, published_at: null, edited_at: null, url: '', ...more,
})
const titles = (t: Timeline) => t.posts.map((p) => p.title)

test('newest first, the highest version wins', () => {
  const t = new Timeline('final')
  for (const p of [post('1', 1), post('3', 2), post('2', 1), post('3', 1), post('1', 2)]) t.put(p)
  expect(titles(t)).toEqual(['3 v2', '2 v1', '1 v2'])
})

test('a removal is not undone by something older, but by a restored version', () => {
  const t = new Timeline('final')
  t.put(post('1', 1))
  expect(t.remove('1', 2)).toBe(true)
  expect(t.put(post('1', 2))).toBe(false)
  expect(t.posts).toEqual([])
  expect(t.put(post('1', 3))).toBe(true)
})

test('a late removal does not take away a newer version', () => {
  const t = new Timeline('final')
  t.put(post('1', 3))
  expect(t.remove('1', 2)).toBe(false)
  expect(titles(t)).toEqual(['1 v3'])
})

test('views stay over an edit; the text of an older version does not', () => {
  const t = new Timeline('final')
  t.put(post('1', 1, { views: 7, body: 'old' }))
  t.put(post('1', 2))
  expect(t.get('1')).toMatchObject({ views: 7, version: 2 })
  expect(t.get('1')!.body).toBeUndefined()
  t.setViews({ '1': 9, '5': 1 })
  expect(t.get('1')!.views).toBe(9)
})

test('a post that is published no more leaves', () => {
  const t = new Timeline('final')
  t.put(post('1', 1))
  t.put(post('1', 2, { status: 'removed' }))
  expect(t.posts).toEqual([])
})
