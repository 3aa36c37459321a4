import type { Component } from 'svelte'
import type { Permission } from '../api/names'

/** The values of a path's `:name` parts. */
export type Params = Record<string, string>
type Screen = Component<any>

export interface Route {
  /** The parts of the hash; `:name` stands for any value, which the screen gets as a property. */
  path: string
  /** Shown to anonymous users as well. */
  anonymous?: boolean
  /** Shown only to users with this permission; for others the table is read on. */
  needs?: Permission
  /** Loads the screen's own part of the build. */
  load: () => Promise<{ default: Screen }>
}

/** All screens. The first path that begins the address is shown. */
export const routes: Route[] = [
  { path: 'setup/:token', load: () => import('../account/Setup.svelte'), anonymous: true },
  { path: 'setup', load: () => import('../account/Setup.svelte'), anonymous: true },
  { path: 'blogs/:slug/members', load: () => import('../people/Members.svelte'), needs: 'member.manage' },
  { path: 'blogs/:slug', load: () => import('../desk/DeskScreen.svelte') },
  { path: 'blogs', load: () => import('../blogs/Blogs.svelte') },
  { path: 'new', load: () => import('../blogs/NewBlog.svelte') },
  { path: 'users', load: () => import('../people/Users.svelte'), needs: 'user.manage' },
  { path: 'tokens', load: () => import('../account/Tokens.svelte'), needs: 'token.manage' },
  { path: 'account', load: () => import('../account/Account.svelte') },
]

const start = ['blogs']

/** The route of an address for a user with these permissions. */
export function routeOf(parts: string[], can: (permission: Permission) => boolean): Route | undefined {
  const address = parts.length > 0 ? parts : start
  return routes.find((route) => begins(route.path.split('/'), address) && (!route.needs || can(route.needs)))
}

const begins = (path: string[], address: string[]) =>
  path.length <= address.length && path.every((part, i) => part.startsWith(':') || part === address[i])

/** The properties of the route's screen. */
export function paramsOf(route: Route, parts: string[]): Params {
  const named = route.path.split('/').map((part, i) => [part, parts[i] ?? ''] as const).filter(([part]) => part.startsWith(':'))
  return Object.fromEntries(named.map(([part, value]) => [part.slice(1), value]))
}

/** Loads the screen of an address before it is known whether the user may see it. */
export function preload(parts: string[]): void {
  // The screen itself reports a failure, when it is shown.
  routeOf(parts, () => true)?.load().catch(() => {})
}
