import { fullJitter } from './backoff'

/** `live` only after the server said hello. */
export type StreamState = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'ended'

/** The part of EventSource that is used, so that tests can play the server. */
export interface Source {
  readyState: number
  addEventListener(type: string, listener: (e: MessageEvent<string>) => void): void
  close(): void
}

export interface Snapshot {
  epoch: string
  seq: number
}

export interface StreamOptions {
  url: (after: number, epoch: string) => string
  from: Snapshot
  /** An event of the log: each once, in order, without holes. */
  onEvent: (type: 'post' | 'update' | 'delete' | 'blog', data: unknown) => void
  onViews: (data: { posts: Record<string, number>; readers: number }) => void
  onState: (state: StreamState) => void
  /** Any sign of life. */
  onAlive?: () => void
  /** Reads everything again after a hole or a reset, and says where that snapshot ends. */
  reload: () => Promise<Snapshot>
  /** Asked before a closed stream is opened again; false when the blog has ended. */
  mayContinue: () => Promise<boolean>
  open?: (url: string) => Source
  random?: () => number
  page?: PageEvents
}

/** What the wrapper needs to know of the page around it. */
export interface PageEvents {
  on(type: string, f: () => void): void
  off(type: string, f: () => void): void
  visible(): boolean
  online(): boolean
}

/** Silence after which a connection counts as dead; the server pings every 20 s. */
export const silenceLimit = 50_000
/** Silence after which a page that wakes up does not trust its connection. */
const wakeLimit = 25_000
/**
 * How long a hidden tab keeps its connection: without HTTP/2 a browser opens
 * only six to one server, and editors have many tabs.
 */
export const hiddenLimit = 60_000
const closedState = 2
const logged = ['post', 'update', 'delete', 'blog'] as const
const wakeEvents = ['visibilitychange', 'pageshow', 'online', 'offline']

/**
 * Follows the stream of one blog. The browser's EventSource reconnects by
 * itself, but gives up after an answer other than 200 and does not notice a
 * connection that died silently; this does both, and checks the numbering.
 */
export class LiveStream {
  #o: StreamOptions
  #page: PageEvents
  #source: Source | null = null
  #seq: number
  #epoch: string
  #attempts = 0
  #retry: ReturnType<typeof setTimeout> | undefined
  #watchdog: ReturnType<typeof setTimeout> | undefined
  #hidden: ReturnType<typeof setTimeout> | undefined
  #heard = 0
  #state: StreamState | null = null
  #stopped = false
  #stale = false

  constructor(options: StreamOptions) {
    this.#o = options
    this.#page = options.page ?? browserPage
    this.#seq = options.from.seq
    this.#epoch = options.from.epoch
    for (const type of wakeEvents) this.#page.on(type, this.#wake)
    this.#set('connecting')
    this.#connect()
  }

  /** Number of the last event that was applied. */
  get seq() { return this.#seq }

  close(): void {
    this.#stopped = true
    for (const type of wakeEvents) this.#page.off(type, this.#wake)
    clearTimeout(this.#hidden)
    this.#drop()
  }

  #connect(): void {
    this.#drop()
    const url = this.#o.url(this.#seq, this.#epoch)
    const source = this.#o.open ? this.#o.open(url) : new EventSource(url)
    this.#source = source
    const on = (type: string, f: (e: MessageEvent<string>) => void) =>
      source.addEventListener(type, (e) => { if (source === this.#source) f(e) })
    this.#listen(on)
    this.#watch()
  }

  #listen(on: (type: string, f: (e: MessageEvent<string>) => void) => void): void {
    const heard = (type: string, f: (e: MessageEvent<string>) => void) =>
      on(type, (e) => { this.#watch(); this.#o.onAlive?.(); f(e) })
    for (const type of logged) heard(type, (e) => this.#apply(type, e))
    heard('hello', () => { this.#attempts = 0; this.#set('live') })
    heard('views', (e) => this.#o.onViews(JSON.parse(e.data)))
    heard('ping', (e) => this.#checkHead(JSON.parse(e.data).head))
    heard('reset', () => void this.#reload())
    heard('bye', () => this.#set('reconnecting'))
    heard('end', () => this.#end())
    on('error', () => this.#failed())
  }

  #apply(type: (typeof logged)[number], e: MessageEvent<string>): void {
    const seq = Number(e.lastEventId)
    if (seq <= this.#seq) return
    if (seq !== this.#seq + 1) return void this.#reload()
    this.#o.onEvent(type, JSON.parse(e.data))
    this.#seq = seq
  }

  /** A ping comes after silence: a head beyond our place means that something was lost. */
  #checkHead(head: number): void {
    if (head > this.#seq) this.#connect()
  }

  #failed(): void {
    if (this.#source?.readyState === closedState) return this.#later()
    this.#set(this.#page.online() ? 'reconnecting' : 'offline')
  }

  #later(): void {
    this.#drop()
    this.#set(this.#page.online() ? 'reconnecting' : 'offline')
    this.#retry = setTimeout(() => void this.#again(), fullJitter(this.#attempts++, 1000, 30_000, this.#o.random))
  }

  async #again(): Promise<void> {
    this.#retry = undefined
    if (this.#stale) return this.#reload()
    let go: boolean
    try {
      go = await this.#o.mayContinue()
    } catch {
      if (!this.#stopped) this.#later()
      return
    }
    if (this.#stopped) return
    if (go) this.#connect()
    else this.#end()
  }

  async #reload(): Promise<void> {
    this.#drop()
    this.#stale = true
    this.#set('reconnecting')
    try {
      const snapshot = await this.#o.reload()
      this.#seq = snapshot.seq
      this.#epoch = snapshot.epoch
      this.#stale = false
    } catch {
      if (!this.#stopped) this.#later()
      return
    }
    if (!this.#stopped) this.#connect()
  }

  #end(): void {
    this.#drop()
    this.#set('ended')
  }

  #wake = (): void => {
    if (this.#state === 'ended' || this.#stopped) return
    if (!this.#page.online()) return this.#set('offline')
    if (!this.#page.visible()) return this.#rest()
    clearTimeout(this.#hidden)
    const silent = Date.now() - this.#heard > wakeLimit
    if (this.#state === 'live' && !silent) return
    this.#attempts = 0
    if (this.#stale) return void this.#reload()
    this.#set('reconnecting')
    this.#connect()
  }

  /** Lets go of the connection when the tab stays hidden; waking takes it up where it was. */
  #rest(): void {
    clearTimeout(this.#hidden)
    this.#hidden = setTimeout(() => { this.#drop(); this.#set('reconnecting') }, hiddenLimit)
  }

  #watch(): void {
    this.#heard = Date.now()
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => { this.#set('reconnecting'); this.#connect() }, silenceLimit)
  }

  #drop(): void {
    clearTimeout(this.#watchdog)
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#source?.close()
    this.#source = null
  }

  #set(state: StreamState): void {
    if (state === this.#state) return
    this.#state = state
    this.#o.onState(state)
  }
}

const browserPage: PageEvents = {
  on: (type, f) => (type === 'visibilitychange' ? document : window).addEventListener(type, f),
  off: (type, f) => (type === 'visibilitychange' ? document : window).removeEventListener(type, f),
  visible: () => document.visibilityState === 'visible',
  online: () => navigator.onLine,
}
