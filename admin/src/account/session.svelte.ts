import * as api from '../api/operations'
import { onSignedOut } from '../api/http'
import { ApiError } from '../api/problem'
import { refreshOnce, stamp, tellTabs } from './refresh'
import type { Permission, Session } from '../api/names'

/** Who is signed in. `unknown` until the first answer. */
class CurrentSession {
  state = $state<'unknown' | 'in' | 'out'>('unknown')
  current = $state.raw<Session | null>(null)
  /** What may be done on the blog of the desk, where a member may do more than elsewhere. */
  here = $state.raw<Permission[]>([])
  /** Whether the dialog that offers to sign in again is open. */
  asking = $state(false)
  #answers: ((ok: boolean) => void)[] = []

  constructor() {
    addEventListener('storage', (e) => { if (e.key === stamp && this.asking) void this.#signedInElsewhere() })
  }

  get user() { return this.current?.user ?? null }

  can(permission: Permission): boolean {
    return this.here.includes(permission) || (this.current?.permissions.includes(permission) ?? false)
  }

  /** Finds out who is signed in, with a silent refresh when the access token has run out. */
  async load(): Promise<void> {
    const since = Date.now()
    try {
      this.#set(await api.getSession())
    } catch (err) {
      if (!(err instanceof ApiError) || err.status !== 401) throw err
      this.#set((await refreshOnce(since)) ? await api.getSession() : null)
    }
  }

  async signIn(email: string, password: string): Promise<void> {
    await api.signIn(email, password)
    this.#set(await api.getSession())
    tellTabs()
    this.#answer(true)
  }

  async signOut(): Promise<void> {
    await api.signOut()
    this.leave()
  }

  /** Forgets the user on this page; their drafts stay in the browser. */
  leave(): void {
    this.#set(null)
    this.#answer(false)
  }

  /** Closes the dialog without signing in; the waiting requests fail. */
  postpone(): void {
    this.#answer(false)
  }

  /** What a refused request waits for: a silent refresh, else the dialog. */
  async recover(since: number): Promise<boolean> {
    if (this.state === 'out') return false
    if (await refreshOnce(since)) return true
    if (this.state !== 'in') return false
    this.asking = true
    return new Promise((resolve) => this.#answers.push(resolve))
  }

  /** Another tab has signed in: when it is the same user, this one need not ask. */
  async #signedInElsewhere(): Promise<void> {
    const found = await api.getSession().catch(() => null)
    if (found?.user.id !== this.user?.id) return
    this.#set(found)
    this.#answer(true)
  }

  #set(s: Session | null): void {
    this.current = s
    this.state = s ? 'in' : 'out'
  }

  #answer(ok: boolean): void {
    this.asking = false
    for (const resolve of this.#answers.splice(0)) resolve(ok)
  }
}

export const session = new CurrentSession()

onSignedOut((since) => session.recover(since))
