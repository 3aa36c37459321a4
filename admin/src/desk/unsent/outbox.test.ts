import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { emptyFields } from './drafts'
import { MemoryStore } from '../../browser/memory.testing'
import { type Entry, Outbox } from './outbox'
import { ApiError } from '../../api/problem'
import type { NewPost, Post } from '../../api/names'

const post = (body: string): NewPost => ({ ...emptyFields(), body, status: 'published' })

/** A server that keeps the posts by key, as the real one does, and fails as told. */
class Server {
  posts = new Map<string, string>()
  tries: string[] = []
  failures: (Error | 'lost')[] = []
  answer: Promise<void> = Promise.resolve()

  send = async (entry: Entry): Promise<Post> => {
    this.tries.push(entry.key)
    await this.answer
    const failure = this.failures.shift()
    if (failure instanceof Error) throw failure
    this.posts.set(entry.key, entry.post.body)
    if (failure === 'lost') throw new ApiError(0, 'unreachable')
    return { id: entry.key } as Post
  }
}

let store: MemoryStore
let server: Server
let open: Outbox[]

function outbox(sent: string[] = []): Outbox {
  const box = new Outbox({
    user: 'anna', store, send: server.send, onChange: () => {}, onSent: (e) => sent.push(e.key), now: () => Date.now(), random: () => 1,
  })
  open.push(box)
  box.start()
  return box
}

const settle = () => vi.advanceTimersByTimeAsync(0)
const states = (box: Outbox) => box.entries.map((e) => e.state)

beforeEach(() => {
  vi.useFakeTimers()
  store = new MemoryStore()
  server = new Server()
  open = []
})

afterEach(() => {
  for (const box of open) box.close()
  vi.useRealTimers()
})

test('a post is sent and forgotten', async () => {
  const sent: string[] = []
  const box = outbox(sent)
  expect(box.add('k1', 'final', post('Goal!'))).toBe(true)
  expect(store.length).toBe(1)
  await settle()
  expect(sent).toEqual(['k1'])
  expect([box.entries.length, store.length]).toEqual([0, 0])
})

test('posts of a blog go in order, one at a time', async () => {
  let release = () => {}
  server.answer = new Promise((resolve) => { release = resolve })
  const box = outbox()
  box.add('k1', 'final', post('1'))
  box.add('k2', 'final', post('2'))
  box.add('k3', 'other', post('3'))
  await settle()
  expect(server.tries).toEqual(['k1', 'k3'])
  release()
  await settle()
  expect(server.tries).toEqual(['k1', 'k3', 'k2'])
})

test('an answer that got lost makes no second post: the key stays', async () => {
  server.failures = ['lost', 'lost']
  const sent: string[] = []
  const box = outbox(sent)
  box.add('k1', 'final', post('once'))
  box.add('k2', 'final', post('after'))
  await settle()
  expect(states(box)).toEqual(['retrying', 'queued'])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(server.tries).toEqual(['k1', 'k1', 'k1', 'k2'])
  expect([...server.posts]).toEqual([['k1', 'once'], ['k2', 'after']])
  expect(sent).toEqual(['k1', 'k2'])
})

test.each([0, 429, 500, 503])('status %i is tried again', async (status) => {
  server.failures = [new ApiError(status, 'x')]
  const box = outbox()
  box.add('k1', 'final', post('1'))
  await settle()
  expect(states(box)).toEqual(['retrying'])
  await vi.advanceTimersByTimeAsync(30_000)
  expect(server.posts.size).toBe(1)
})

test('the server says how long to wait', async () => {
  server.failures = [new ApiError(429, 'too_many_requests', '', [], 60)]
  const box = outbox()
  box.add('k1', 'final', post('1'))
  await vi.advanceTimersByTimeAsync(59_000)
  expect(server.tries).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(server.posts.size).toBe(1)
})

test('waits grow to 30 seconds', async () => {
  server.failures = Array.from({ length: 20 }, () => new ApiError(0, 'unreachable'))
  const box = outbox()
  box.add('k1', 'final', post('1'))
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    await settle()
    const wait = box.entries[0]!.nextAt - Date.now()
    waits.push(wait)
    await vi.advanceTimersByTimeAsync(wait)
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
})

test('flush does not wait: the network is back', async () => {
  server.failures = [new ApiError(0, 'unreachable')]
  const box = outbox()
  box.add('k1', 'final', post('1'))
  await settle()
  box.flush()
  await settle()
  expect(server.posts.size).toBe(1)
})

describe('a refused post', () => {
  beforeEach(() => { server.failures = [new ApiError(422, 'invalid', 'too long')] })

  test('waits for a person and does not hold up the others', async () => {
    const box = outbox()
    box.add('k1', 'final', post('bad'))
    box.add('k2', 'final', post('good'))
    await settle()
    expect(states(box)).toEqual(['failed'])
    expect(box.entries[0]!.error).toBe('Too long.')
    expect([...server.posts.values()]).toEqual(['good'])
  })

  test('can be taken back or sent again', async () => {
    const box = outbox()
    box.add('k1', 'final', post('bad'))
    await settle()
    box.retry('k1')
    await settle()
    expect(server.posts.size).toBe(1)
    expect(box.remove('k1')).toBeUndefined()
  })
})

test('signed out: waits, and goes on after sign-in', async () => {
  server.failures = [new ApiError(401, 'not_signed_in')]
  const box = outbox()
  box.add('k1', 'final', post('1'))
  await settle()
  expect(box.entries[0]).toMatchObject({ state: 'queued', error: 'Sign in to send this.' })
  box.flush()
  await settle()
  expect(server.posts.size).toBe(1)
})

test('a new page takes up what the last one left, with the same key', async () => {
  server.failures = ['lost']
  const first = outbox()
  first.add('k1', 'final', post('once'))
  await settle()
  first.close()
  outbox()
  await settle()
  expect(server.tries).toEqual(['k1', 'k1'])
  expect(server.posts.size).toBe(1)
  expect(store.length).toBe(0)
})

test('what another tab has sent is not sent again', async () => {
  server.failures = [new ApiError(0, 'unreachable')]
  const box = outbox()
  box.add('k1', 'final', post('1'))
  await settle()
  store.removeItem('dateline.outbox.anna.k1')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(server.tries).toHaveLength(1)
  expect(box.entries).toHaveLength(0)
})

test('a try that is older than the key is not repeated by itself', async () => {
  server.failures = ['lost']
  const first = outbox()
  first.add('k1', 'final', post('old'))
  await settle()
  first.close()
  vi.setSystemTime(Date.now() + 24 * 3600_000)
  const box = outbox()
  await settle()
  expect(server.tries).toHaveLength(1)
  expect(states(box)).toEqual(['failed'])
})

test('a storage that refuses is told; the post goes out all the same', async () => {
  store.full = true
  const box = outbox()
  expect(box.add('k1', 'final', post('1'))).toBe(false)
  await settle()
  expect(server.posts.size).toBe(1)
})
