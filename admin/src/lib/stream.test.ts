import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hiddenLimit, LiveStream, type PageEvents, silenceLimit, type Snapshot, type Source, type StreamOptions } from './stream'

/** Plays the server's side of an EventSource. */
class FakeSource implements Source {
  readyState = 1
  #listeners: [string, (e: MessageEvent<string>) => void][] = []
  constructor(readonly url: string) {}
  addEventListener(type: string, f: (e: MessageEvent<string>) => void) { this.#listeners.push([type, f]) }
  close() { this.readyState = 2 }
  send(type: string, data: unknown = {}, id = '') {
    this.raw(type, JSON.stringify(data), id)
  }
  raw(type: string, data: string, id: string) {
    for (const [t, f] of this.#listeners) if (t === type) f({ data, lastEventId: id } as MessageEvent<string>)
  }
  /** As a browser does: an error in a listener is reported and goes no further. */
  broken(type: string, data: string, id: string) {
    try { this.raw(type, data, id) } catch { /* reported */ }
  }
  post(seq: number) { this.send('post', { id: `p${seq}` }, String(seq)) }
  hello() { this.send('hello', { epoch: 'E', head: 0, from: 0 }) }
  fail(closed: boolean) {
    this.readyState = closed ? 2 : 0
    this.send('error')
  }
}

class FakePage implements PageEvents {
  isOnline = true
  isVisible = true
  handlers = new Map<string, Set<() => void>>()
  on(type: string, f: () => void) { this.handlers.set(type, (this.handlers.get(type) ?? new Set()).add(f)) }
  off(type: string, f: () => void) { this.handlers.get(type)?.delete(f) }
  visible() { return this.isVisible }
  online() { return this.isOnline }
  fire(type: string) { for (const f of this.handlers.get(type) ?? []) f() }
}

let sources: FakeSource[]
let page: FakePage
let applied: string[]
let states: string[]
let reload: ReturnType<typeof vi.fn<() => Promise<Snapshot>>>
let mayContinue: ReturnType<typeof vi.fn<() => Promise<boolean>>>
let stream: LiveStream

const last = () => sources.at(-1)!
const settle = () => vi.advanceTimersByTimeAsync(0)

function start(from: Snapshot = { epoch: 'E', seq: 10 }, more: Partial<StreamOptions> = {}) {
  stream = new LiveStream({
    from, page, reload, mayContinue, random: () => 1,
    url: (after, epoch) => `/s?after=${after}&epoch=${epoch}`,
    open: (url) => { sources.push(new FakeSource(url)); return last() },
    onEvent: (type, data) => applied.push(`${type} ${(data as { id: string }).id}`),
    onViews: (v) => applied.push(`views ${v.readers}`),
    onState: (s) => states.push(s),
    ...more,
  })
}

beforeEach(() => {
  vi.useFakeTimers()
  sources = []
  page = new FakePage()
  applied = []
  states = []
  reload = vi.fn(async () => ({ epoch: 'F', seq: 20 }))
  mayContinue = vi.fn(async () => true)
})

afterEach(() => {
  stream.close()
  vi.useRealTimers()
})

describe('numbers', () => {
  test('events apply in order, once', async () => {
    start()
    last().hello()
    last().post(11)
    last().post(11)
    last().post(9)
    last().send('delete', { id: 'p3' }, '12')
    last().send('views', { posts: {}, readers: 4 })
    expect(applied).toEqual(['post p11', 'delete p3', 'views 4'])
    expect([stream.seq, states]).toEqual([12, ['connecting', 'live']])
  })

  test('a gap is never applied: everything is read again', async () => {
    start()
    last().hello()
    last().post(13)
    last().post(14)
    await settle()
    expect(applied).toEqual([])
    expect(reload).toHaveBeenCalledOnce()
    expect(last().url).toBe('/s?after=20&epoch=F')
    last().hello()
    last().post(21)
    expect(applied).toEqual(['post p21'])
    expect(states).toEqual(['connecting', 'live', 'reconnecting', 'live'])
  })

  test('reset reads everything again', async () => {
    start()
    last().hello()
    last().send('reset', { reason: 'epoch', epoch: 'F', head: 20 }, '20')
    await settle()
    expect([reload.mock.calls.length, stream.seq]).toEqual([1, 20])
  })

  test('a failed reading is tried again, and no event is applied before', async () => {
    reload.mockRejectedValueOnce(new Error('down'))
    start()
    last().send('reset', {}, '20')
    await settle()
    expect(sources).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect([reload.mock.calls.length, sources.length]).toEqual([2, 2])
  })

  test('a ping that shows a higher head resumes from our place', () => {
    start()
    last().hello()
    last().send('ping', { head: 10 })
    expect(sources).toHaveLength(1)
    last().send('ping', { head: 12 })
    expect([sources.length, last().url, sources[0]!.readyState]).toEqual([2, '/s?after=10&epoch=E', 2])
  })

  test('what an old connection still says is not heard', () => {
    start()
    const old = last()
    old.hello()
    old.send('ping', { head: 12 })
    old.post(11)
    expect(applied).toEqual([])
  })
})

describe('what no server should say', () => {
  test.each([
    ['post', '{"seq":', '10'], ['post', '', '10'], ['post', 'null', '10'], ['post', '{}', ''], ['update', '{}', '0'], ['update', '{}', '-1'],
    ['post', '{"seq":', '11'], ['post', '', '11'],
    ['ping', '', ''], ['ping', 'null', ''], ['ping', '{}', ''], ['ping', '{"head":"x"}', ''], ['ping', '{"head":-1}', ''],
    ['views', '', ''], ['views', 'null', ''], ['views', '<html>', ''], ['hello', '', ''], ['bye', '', ''], ['message', '{"seq":99}', '99'],
  ])('%s %s with the id %j does no harm', (type, data, id) => {
    start()
    last().hello()
    last().broken(type, data, id)
    last().post(11)
    expect([applied.at(-1), stream.seq, sources.length, reload.mock.calls.length]).toEqual(['post p11', 11, 1, 0])
  })

  test.each([['1e9'], ['x'], ['12'], ['11.5'], ['Infinity']])('an event with the id %j is never applied', async (id) => {
    start()
    last().hello()
    last().raw('post', '{}', id)
    await settle()
    expect([applied, reload.mock.calls.length, stream.seq]).toEqual([[], 1, 20])
  })

  test('an event that could not be read is missed with the next one', async () => {
    start()
    last().hello()
    last().broken('post', '{"seq":', '11')
    last().post(12)
    await settle()
    expect([applied, reload.mock.calls.length]).toEqual([[], 1])
  })
})

describe('connections', () => {
  test('a source that gave up is made again, with growing waits', async () => {
    start()
    for (const wait of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const before = sources.length
      last().fail(true)
      await vi.advanceTimersByTimeAsync(wait - 1)
      expect(sources).toHaveLength(before)
      await vi.advanceTimersByTimeAsync(1)
      expect(sources).toHaveLength(before + 1)
    }
  })

  test('hello resets the wait', async () => {
    start()
    last().fail(true)
    await vi.advanceTimersByTimeAsync(1000)
    last().hello()
    last().fail(true)
    await vi.advanceTimersByTimeAsync(1000)
    expect(sources).toHaveLength(3)
  })

  test('a source that retries by itself is left alone', async () => {
    start()
    last().hello()
    last().fail(false)
    await vi.advanceTimersByTimeAsync(10_000)
    expect([sources.length, states.at(-1)]).toEqual([1, 'reconnecting'])
    last().hello()
    expect(states.at(-1)).toBe('live')
  })

  test('silence of 50 s is the end of a connection; a ping is not silence', async () => {
    start()
    last().hello()
    await vi.advanceTimersByTimeAsync(silenceLimit - 1)
    last().send('ping', { head: 10 })
    await vi.advanceTimersByTimeAsync(silenceLimit - 1)
    expect(sources).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect([sources.length, states.at(-1)]).toEqual([2, 'reconnecting'])
  })

  test('a page that wakes up after long silence connects at once', async () => {
    start()
    last().hello()
    await vi.advanceTimersByTimeAsync(10_000)
    page.fire('visibilitychange')
    expect(sources).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(20_000)
    page.isVisible = false
    page.fire('visibilitychange')
    expect(sources).toHaveLength(1)
    page.isVisible = true
    page.fire('visibilitychange')
    expect(sources).toHaveLength(2)
  })

  test('a tab that stays hidden lets go, and resumes when it is looked at', async () => {
    start()
    last().hello()
    last().post(11)
    page.isVisible = false
    page.fire('visibilitychange')
    await vi.advanceTimersByTimeAsync(hiddenLimit / 2)
    last().send('ping', { head: 11 })
    expect(last().readyState).toBe(1)
    await vi.advanceTimersByTimeAsync(hiddenLimit / 2)
    expect([sources.length, last().readyState, vi.getTimerCount()]).toEqual([1, 2, 0])
    page.isVisible = true
    page.fire('visibilitychange')
    expect(last().url).toBe('/s?after=11&epoch=E')
  })

  test('a short look elsewhere costs nothing', async () => {
    start()
    last().hello()
    page.isVisible = false
    page.fire('visibilitychange')
    await vi.advanceTimersByTimeAsync(10_000)
    page.isVisible = true
    page.fire('visibilitychange')
    await vi.advanceTimersByTimeAsync(15_000)
    last().send('ping', { head: 10 })
    await vi.advanceTimersByTimeAsync(45_000)
    expect(sources).toHaveLength(1)
  })

  test('offline is said; online does not wait for the timer', async () => {
    start()
    last().hello()
    page.isOnline = false
    page.fire('offline')
    last().fail(true)
    expect(states.at(-1)).toBe('offline')
    page.isOnline = true
    page.fire('online')
    expect(sources).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(sources).toHaveLength(2)
  })
})

describe('the end', () => {
  test('stops for good', async () => {
    start()
    last().hello()
    last().send('end', { head: 10 })
    page.fire('online')
    await vi.advanceTimersByTimeAsync(120_000)
    expect([sources.length, states.at(-1)]).toEqual([1, 'ended'])
  })

  test('a blog that ended while away is not asked for again', async () => {
    mayContinue.mockResolvedValue(false)
    start()
    last().fail(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([sources.length, states.at(-1)]).toEqual([1, 'ended'])
  })

  test('close leaves no timer and no listener', async () => {
    start()
    last().fail(true)
    stream.close()
    expect(vi.getTimerCount()).toBe(0)
    expect([...page.handlers.values()].every((s) => s.size === 0)).toBe(true)
  })
})
