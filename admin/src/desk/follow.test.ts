import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fakeChannels, FakeLocks, FakeNetwork, FakeSource, Tab } from './follow.testing'

let network: FakeNetwork
let locks: FakeLocks
let channels: ReturnType<typeof fakeChannels>
let tabs: Tab[]
let online: boolean

const second = 1000, minute = 60 * second
const pass = (time: number) => vi.advanceTimersByTimeAsync(time)
const open = async (slug?: string, from?: object) => {
  tabs.push(new Tab(network, slug, from))
  await pass(10)
  return tabs.at(-1)!
}
const blog = () => network.blog()
const last = () => blog().sources.at(-1)!
const searches = () => blog().polls.map((q) => q.replace('&token=1', ''))

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  network = new FakeNetwork()
  locks = new FakeLocks()
  channels = fakeChannels()
  tabs = []
  online = true
  vi.stubGlobal('EventSource', class { constructor(url: string) { return new FakeSource(url, network, network.blog(url.split('/')[1])) } })
  vi.stubGlobal('fetch', network.fetch)
  vi.stubGlobal('BroadcastChannel', channels.Channel)
  vi.stubGlobal('navigator', { locks, get onLine() { return online } })
})

afterEach(() => {
  for (const tab of tabs) tab.follower.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('numbers', () => {
  test('events apply in order, once', async () => {
    const tab = await open()
    blog().publish()
    last().send('post', blog().log[0]!.data)
    blog().publish('delete')
    expect([tab.applied, tab.states]).toEqual([['post1', 'delete2'], ['live']])
  })

  test('the highest version of a post wins', async () => {
    const tab = await open('a', { versions: new Map([['x', 3]]) })
    blog().publish('update', { id: 'x', version: 2 })
    blog().publish('update', { id: 'x', version: 3 })
    blog().publish('delete', { id: 'x', version: 5 })
    blog().publish('update', { id: 'x', version: 4 })
    expect(tab.applied).toEqual(['update1 old', 'update2', 'delete3', 'update4 old'])
  })

  test('a gap is never applied: everything is read again', async () => {
    const tab = await open()
    blog().log.length = 4
    blog().publish()
    await pass(3 * second)
    expect([tab.applied, tab.reloads, last().url]).toEqual([[], 1, '/a/stream?after=5&epoch=E'])
    blog().publish()
    expect([tab.applied, tab.states]).toEqual([['post6'], ['live', 'reconnecting', 'live']])
  })

  test('reset reads everything again', async () => {
    const tab = await open()
    blog().epoch = 'F'
    last().send('reset', { reason: 'epoch' })
    await pass(3 * second)
    expect([tab.reloads, last().url]).toEqual([1, '/a/stream?after=0&epoch=F'])
  })

  test('the chain is passed on, from page and events', async () => {
    await open('a', { chain: 'c0' })
    expect(last().url).toContain('&chain=c0')
    blog().publish('post', { chain: 'c1' })
    last().send('ping', { head: 9 })
    await pass(10)
    expect(last().url).toContain('after=1&epoch=E&chain=c1')
  })

  test('what an old connection still says is not heard', async () => {
    const tab = await open()
    const old = last()
    old.send('ping', { head: 12 })
    await pass(10)
    old.send('post', { seq: 1, id: 'x', version: 1 })
    expect([tab.applied, blog().open.length]).toEqual([[], 1])
  })
})

describe('connections', () => {
  test('a source that gave up: first a look for what came, then another, with growing waits', async () => {
    const tab = await open()
    blog().down = true
    last().fail(true)
    await pass(10)
    expect(tab.state).toBe('reconnecting')
    await pass(minute)
    expect(blog().open.length).toBe(0)
    blog().down = false
    blog().publish()
    await pass(20 * second)
    expect([tab.applied, tab.state, blog().open.length]).toEqual([['post1'], 'live', 1])
  })

  test('a source that retries by itself is left alone', async () => {
    const tab = await open()
    last().fail(false)
    await pass(4 * second)
    expect([blog().sources.length, tab.state]).toEqual([1, 'reconnecting'])
    last().readyState = 1
    last().hello()
    expect(tab.state).toBe('live')
  })

  test('a proxy that keeps the bytes back: looks, then long polls, and a stream again when it lets them pass', async () => {
    network.greets = false
    const tab = await open()
    await pass(5 * second)
    blog().publish()
    await pass(20 * second)
    expect([tab.applied, tab.state, blog().open.length]).toEqual([['post1'], 'live', 0])
    expect(searches().at(-1)).toBe('?after=1&epoch=E&wait=20')
    network.greets = true
    tab.hide(true)
    tab.hide(false)
    await pass(30 * second)
    expect(blog().open.length).toBe(1)
  })

  test('refused: polls without waiting, and comes back', async () => {
    network.greets = false
    const tab = await open()
    last().send('bye', { reason: 'node_limit', poll: '/a/events' })
    await pass(10)
    blog().publish()
    await pass(4 * second)
    expect([tab.applied, blog().open.length, tab.state]).toEqual([['post1'], 0, 'live'])
    expect(searches().every((q) => q.endsWith('wait=0'))).toBe(true)
    network.greets = true
    await pass(minute)
    expect(blog().open.length).toBe(1)
  })

  test('silence of 50 s is the end of a connection; a ping is not silence', async () => {
    await open()
    await pass(49 * second)
    last().send('ping', { head: 0 })
    await pass(49 * second)
    expect(blog().sources.length).toBe(1)
    await pass(2 * second)
    expect([blog().sources.length, blog().open.length]).toEqual([2, 1])
  })

  test('a tab that stays hidden lets go, and resumes when it is looked at', async () => {
    const tab = await open()
    tab.hide(true)
    await pass(30 * second)
    last().send('ping', { head: 0 })
    expect(blog().open.length).toBe(1)
    await pass(30 * second)
    expect([blog().open.length, vi.getTimerCount(), locks.held.size]).toEqual([0, 0, 0])
    blog().publish()
    tab.hide(false)
    await pass(10)
    expect([tab.applied, blog().open.length]).toEqual([['post1'], 1])
  })

  test('a page that wakes up after long silence connects at once', async () => {
    const tab = await open()
    await pass(10 * second)
    tab.hide(false)
    await pass(10)
    expect(blog().sources.length).toBe(1)
    await pass(25 * second)
    tab.hide(false)
    await pass(10)
    expect(blog().sources.length).toBe(2)
  })

  test('stop leaves no timer, no lock and no channel; start goes on', async () => {
    const tab = await open()
    tab.follower.stop()
    await pass(10)
    expect([vi.getTimerCount(), locks.held.size, locks.queue.length, channels.all.size]).toEqual([0, 0, 0, 0])
    blog().publish()
    tab.follower.start()
    await pass(10)
    expect(tab.applied).toEqual(['post1'])
  })
})

describe('the end', () => {
  test('an ended blog is looked at each minute, and followed again', async () => {
    const tab = await open()
    blog().ended = true
    blog().publish('blog', { status: 'ended' })
    last().send('end', {})
    await pass(10)
    expect([tab.state, blog().open.length, locks.held.has('dateline-stream-0')]).toEqual(['ended', 0, false])
    await pass(59 * second)
    blog().publish('update')
    await pass(2 * second)
    expect([tab.applied, searches()]).toEqual([['blog1', 'update2'], ['?after=1&epoch=E&wait=0']])
    blog().ended = false
    blog().publish('blog', { status: 'live' })
    await pass(minute + second)
    blog().publish()
    expect([tab.applied, tab.state]).toEqual([['blog1', 'update2', 'blog3', 'post4'], 'live'])
  })

  test('a blog that ended while away', async () => {
    const tab = await open()
    blog().ended = true
    last().fail(true)
    await pass(10 * second)
    expect([tab.state, blog().open.length]).toEqual(['ended', 0])
  })

  test('a tab with a newer page makes the others look at once', async () => {
    blog().ended = true
    const first = await open()
    await pass(10 * second)
    blog().ended = false
    blog().publish('blog', { status: 'live' })
    await open()
    await pass(second)
    expect([first.applied, first.state, tabs[1]!.state, blog().open.length]).toEqual([['blog1'], 'live', 'live', 1])
  })
})

describe('tabs', () => {
  test('of one blog hold one stream, and each applies each event once', async () => {
    for (let i = 0; i < 5; i++) await open()
    for (let i = 0; i < 20; i++) blog().publish()
    await pass(second)
    const all = Array.from({ length: 20 }, (_, i) => `post${i + 1}`)
    expect(tabs.map((t) => [t.applied, t.state])).toEqual(tabs.map(() => [all, 'live']))
    expect(blog().sources.length).toBe(1)
  })

  test('a tab whose page is older fills the gap by itself', async () => {
    for (let i = 0; i < 3; i++) blog().publish()
    await open()
    const old = await open('a', { seq: 1 })
    blog().publish()
    await pass(10)
    expect([tabs[0]!.applied, old.applied]).toEqual([['post4'], ['post2', 'post3', 'post4']])
    expect(blog().sources.length).toBe(1)
  })

  test('a tab of another history reads everything anew', async () => {
    await open()
    const other = await open('a', { epoch: 'D' })
    await pass(10 * second)
    expect([other.reloads, tabs[0]!.reloads]).toEqual([1, 0])
  })

  test('when the leader goes another one leads', async () => {
    for (let i = 0; i < 3; i++) await open()
    tabs[0]!.follower.stop()
    blog().publish()
    await pass(second)
    expect(tabs.map((t) => t.applied)).toEqual([[], ['post1'], ['post1']])
    expect(blog().open.length).toBe(1)
  })

  test('the lead is taken from a tab that is frozen, and given up when it wakes', async () => {
    await open()
    await open()
    await open()
    for (const c of channels.all) c.frozen = true
    for (const c of [...channels.all].slice(1)) c.frozen = false
    last().readyState = 2
    blog().publish()
    await pass(30 * second)
    expect(tabs.map((t) => t.applied.length)).toEqual([0, 1, 1])
    for (const c of channels.all) c.frozen = false
    await pass(10 * second)
    expect([tabs.map((t) => t.applied.length), blog().open.length]).toEqual([[1, 1, 1], 1])
  })

  test('of twelve blogs hold four connections, and all are current', async () => {
    for (let i = 0; i < 12; i++) await open(`b${i}`)
    await pass(second)
    expect(network.open.length).toBe(4)
    for (let i = 0; i < 12; i++) network.blog(`b${i}`).publish()
    await pass(5 * second)
    expect(tabs.map((t) => [t.applied, t.state])).toEqual(tabs.map(() => [['post1'], 'live']))
    tabs[0]!.follower.stop()
    await pass(5 * second)
    expect(network.open.length).toBe(4)
  })

  test('a poll that waits is a connection too', async () => {
    network.greets = false
    for (let i = 0; i < 8; i++) await open(`b${i}`)
    await pass(minute)
    const waits = [...network.blogs.values()].filter((b) => b.polls.some((q) => q.includes('wait=20')))
    expect(waits.length).toBe(4)
  })

  test.each(['locks', 'channel'])('without %s each is for itself', async (missing) => {
    if (missing === 'locks') vi.stubGlobal('navigator', { onLine: true })
    else vi.stubGlobal('BroadcastChannel', undefined)
    await open()
    await open()
    blog().publish()
    expect([blog().open.length, tabs.map((t) => t.applied)]).toEqual([2, [['post1'], ['post1']]])
  })

  test('offline is said in all', async () => {
    await open()
    await open()
    online = false
    last().fail(false)
    await pass(10)
    expect(tabs.map((t) => t.state)).toEqual(['offline', 'offline'])
  })
})
