import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { call, onSignedOut } from './http'
import { ApiError } from './problem'

const json = (status: number, body: unknown) => new Response(body === null ? null : JSON.stringify(body), { status })
const fetched = vi.fn<typeof fetch>()

beforeEach(() => { vi.stubGlobal('fetch', fetched.mockReset()) })
afterEach(() => {
  onSignedOut(async () => false)
  vi.unstubAllGlobals()
})

const failure = (p: Promise<unknown>) => p.then(() => null, (err: ApiError) => [err.status, err.code])

test('a change carries body, version and key', async () => {
  fetched.mockResolvedValue(json(200, { id: 'p' }))
  expect(await call('/x', { method: 'PATCH', body: { a: 1 }, version: 3, key: 'k' })).toEqual({ id: 'p' })
  const [url, init] = fetched.mock.calls[0]!
  expect([url, init!.method, init!.body]).toEqual(['/api/v1/x', 'PATCH', '{"a":1}'])
  expect(init!.headers).toMatchObject({ 'If-Match': '"v3"', 'Idempotency-Key': 'k', 'Content-Type': 'application/json' })
})

test('an empty answer is null', async () => {
  fetched.mockResolvedValue(json(204, null))
  expect(await call('/x', { method: 'DELETE' })).toBeNull()
})

test('no answer, and half an answer, are the same to the caller', async () => {
  fetched.mockRejectedValueOnce(new TypeError('fetch failed'))
  expect(await failure(call('/x'))).toEqual([0, 'unreachable'])
  fetched.mockResolvedValueOnce(new Response('{"half', { status: 200 }))
  expect(await failure(call('/x'))).toEqual([0, 'unreadable'])
})

test('an error page that is no JSON keeps its status', async () => {
  fetched.mockResolvedValue(new Response('<h1>Bad gateway</h1>', { status: 502 }))
  expect(await failure(call('/x'))).toEqual([502, 'http_502'])
})

test('401 asks for the session once and sends the same request again', async () => {
  fetched.mockResolvedValueOnce(json(401, { code: 'not_signed_in' })).mockResolvedValueOnce(json(200, 1))
  const recover = vi.fn(async () => true)
  onSignedOut(recover)
  expect(await call('/x', { method: 'POST', body: {}, key: 'k' })).toBe(1)
  expect(recover).toHaveBeenCalledOnce()
  expect(fetched.mock.calls.map(([, init]) => (init!.headers as Record<string, string>)['Idempotency-Key'])).toEqual(['k', 'k'])
})

test('401 stays when there is no session to get, and always for signing in', async () => {
  fetched.mockImplementation(async () => json(401, { code: 'not_signed_in' }))
  expect(await failure(call('/x'))).toEqual([401, 'not_signed_in'])
  const recover = vi.fn(async () => true)
  onSignedOut(recover)
  expect(await failure(call('/session', { anonymous: true }))).toEqual([401, 'not_signed_in'])
  expect(recover).not.toHaveBeenCalled()
})
