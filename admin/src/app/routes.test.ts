import { expect, test } from 'vitest'
import { paramsOf, routeOf, routes } from './routes'

const shown = (address: string, may = true) => {
  const parts = address.split('/').filter(Boolean)
  const route = routeOf(parts, () => may)
  return route && { path: route.path, params: paramsOf(route, parts) }
}

test.each([
  ['', 'blogs', {}],
  ['blogs', 'blogs', {}],
  ['blogs/final', 'blogs/:slug', { slug: 'final' }],
  ['blogs/final/more', 'blogs/:slug', { slug: 'final' }],
  ['blogs/final/members', 'blogs/:slug/members', { slug: 'final' }],
  ['new/first', 'new', {}],
  ['users', 'users', {}],
  ['tokens', 'tokens', {}],
  ['account', 'account', {}],
  ['setup/secret', 'setup/:token', { token: 'secret' }],
  ['setup', 'setup', {}],
])('#/%s shows %s', (address, path, params) => {
  expect(shown(address)).toEqual({ path, params })
})

test('an address without a screen has no route', () => {
  expect(shown('elsewhere')).toBeUndefined()
})

test('without the permission a screen has no route, and the address of members shows the desk', () => {
  expect(shown('users', false)).toBeUndefined()
  expect(shown('tokens', false)).toBeUndefined()
  expect(shown('blogs/final/members', false)?.path).toBe('blogs/:slug')
})

test('only the setup is shown to anonymous users', () => {
  expect(routes.filter((r) => r.anonymous).map((r) => r.path)).toEqual(['setup/:token', 'setup'])
})
