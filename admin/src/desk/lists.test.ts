import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Lists } from './lists.svelte'

let asked: string[]
let drafts: { id: string }[]

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  drafts = []
  vi.stubGlobal('fetch', async (url: string) => {
    const status = new URL(url, 'http://desk').searchParams.get('status')!
    asked.push(status)
    return Response.json({ items: status === 'draft' ? drafts : [], next_cursor: '' })
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const rounds = () => {
  expect(new Set(asked)).toEqual(new Set(['draft', 'submitted', 'removed']))
  return asked.length / 3
}

test('one event causes one round at once', async () => {
  new Lists('final').loadSoon()
  await vi.advanceTimersByTimeAsync(0)
  expect(rounds()).toBe(1)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(rounds()).toBe(1)
})

test('a burst of events causes one round at once and one when a second has passed', async () => {
  const lists = new Lists('final')
  for (let i = 0; i < 50; i++) lists.loadSoon()
  drafts = [{ id: 'late' }]
  await vi.advanceTimersByTimeAsync(999)
  expect(rounds()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(rounds()).toBe(2)
  expect(lists.drafts).toEqual([{ id: 'late' }])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(rounds()).toBe(2)
})

test('ten seconds of events, ten in a second, cause one round in a second', async () => {
  const lists = new Lists('final')
  for (let i = 0; i < 100; i++) {
    lists.loadSoon()
    await vi.advanceTimersByTimeAsync(100)
  }
  await vi.advanceTimersByTimeAsync(5_000)
  expect(rounds()).toBe(11)
})

test("a change of the user's own causes a round at once, and its event one when a second has passed", async () => {
  const lists = new Lists('final')
  lists.loadSoon()
  await vi.advanceTimersByTimeAsync(500)
  await lists.load()
  expect(rounds()).toBe(2)
  lists.loadSoon()
  await vi.advanceTimersByTimeAsync(999)
  expect(rounds()).toBe(2)
  await vi.advanceTimersByTimeAsync(1)
  expect(rounds()).toBe(3)
})

test('no round begins after the desk was closed', async () => {
  const lists = new Lists('final')
  lists.loadSoon()
  lists.loadSoon()
  lists.close()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(rounds()).toBe(1)
})
