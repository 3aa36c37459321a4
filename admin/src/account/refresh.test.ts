import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MemoryStore } from '../browser/memory.testing'
import { refreshOnce } from './refresh'

const fetched = vi.fn<typeof fetch>()
const answer = (status: number) => async () => new Response('{}', { status })

beforeEach(() => {
  vi.stubGlobal('fetch', fetched.mockReset())
  vi.stubGlobal('localStorage', new MemoryStore())
  vi.stubGlobal('navigator', {})
})

afterEach(() => vi.unstubAllGlobals())

test('requests that are refused together refresh once', async () => {
  fetched.mockImplementation(answer(200))
  expect(await Promise.all([refreshOnce(Date.now()), refreshOnce(Date.now())])).toEqual([true, true])
  expect(fetched).toHaveBeenCalledOnce()
})

test('what another tab refreshed since is not refreshed again', async () => {
  localStorage.setItem('dateline.refreshed', String(Date.now() + 1))
  expect(await refreshOnce(Date.now())).toBe(true)
  expect(fetched).not.toHaveBeenCalled()
})

test('a session that is over says so', async () => {
  fetched.mockImplementation(answer(401))
  expect(await refreshOnce(Date.now())).toBe(false)
})

test('trouble is no sign-out', async () => {
  fetched.mockImplementation(answer(503))
  await expect(refreshOnce(Date.now())).rejects.toMatchObject({ status: 503 })
})

test('tabs queue under one lock', async () => {
  const request = vi.fn((_: string, f: () => Promise<boolean>) => f())
  vi.stubGlobal('navigator', { locks: { request } })
  fetched.mockImplementation(answer(200))
  await refreshOnce(Date.now())
  expect(request.mock.calls[0]![0]).toBe('dateline-refresh')
})
