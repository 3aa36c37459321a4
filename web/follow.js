// Follows one blog, for the readers' page and the editors' desk: every event once,
// in the order of its seq, without a hole. It touches no document. The tabs of one
// browser share: one of those that show a blog leads, holds the connection and tells
// the others; each keeps its own place and asks for what it missed. The server sends
// this file without comments: keep them on lines of their own.

/**
 * @typedef {'post' | 'update' | 'delete' | 'blog'} Kind
 * @typedef {{seq: number, epoch: string, chain?: string, status?: string, versions?: Map<string, number>}} Snapshot
 *   where the log ends for what is shown, and the versions of the posts that are
 * @typedef {'connecting' | 'live' | 'reconnecting' | 'offline' | 'ended'} State
 * @typedef {{id: string, seq: number, version: number, chain?: string, status?: string}} EventData
 * @typedef {{posts?: Record<string, number>, readers?: number}} Counts
 * @typedef {{events: {type: Kind, data: any}[], ended: boolean, reset?: object, token?: string}} Batch
 * @typedef {object} Page
 * @property {(kind: Kind, data: any, fresh: boolean) => void} event each event of the log; not fresh: a newer version is shown
 * @property {(state: State) => void} state
 * @property {(signal: AbortSignal) => Promise<Snapshot>} reload reads everything anew
 * @property {(counts: Counts) => void} counts
 * @property {() => void} [alive] any sign of life
 * @property {(url: string, signal: AbortSignal) => Promise<Batch>} [ask]
 */

// Milliseconds: a stream's time to greet; silence after which it is dead, and may
// be; a hidden tab's connection; a leader's signs of life, and silence after which
// it has none; looks at a blog that is over; polls of who may hold no connection.
const HELLO = 5e3, WATCHDOG = 50e3, STALE = 30e3, HIDE = 60e3, BEAT = 5e3, QUIET = 15e3, MINUTE = 60e3, SHORT = 2e3
// Connections of all tabs of a browser: without HTTP/2 it opens six to a server.
const SLOTS = 4
/** @type {Kind[]} */
const KINDS = ['post', 'update', 'delete', 'blog']

/** Full jitter under a bound that grows to 30 s. @param {number} n */
export const jitter = n => Math.random() * Math.min(30e3, 2e3 * 2 ** n)
/** Between once and twice the time. @param {number} time */
const spread = time => time * (1 + Math.random())

/** @param {number} time @param {AbortSignal} signal */
const sleep = (time, signal) => new Promise((done, fail) => {
  signal.throwIfAborted()
  const timer = setTimeout(done, time)
  signal.onabort = () => {
    clearTimeout(timer)
    fail()
  }
})

/** @param {string} url @param {AbortSignal} signal */
const fetchBatch = async (url, signal) => {
  const answer = await fetch(url, { signal })
  if (!answer.ok) throw 0
  return answer.json()
}

/**
 * @param {string} base what the addresses of the blog begin with
 * @param {Snapshot} from
 * @param {Page} page
 */
export const follow = (base, from, page) => {
  const { BroadcastChannel, document, navigator } = globalThis
  const locks = BroadcastChannel && navigator.locks
  const ask = page.ask ?? fetchBatch
  let poll = base + 'events'
  /** @type {State} */
  let state = 'connecting'
  /** @type {string | undefined} What views are reported with; '' where there is none. */
  let token
  /** @type {Snapshot} */
  let at
  /** @type {Map<string, number>} Highest version per post: an older one never replaces a newer one. */
  let versions
  let ended = false, stale = false, heard = 0, failures = 0, resets = 0, pause = 0
  // How often a stream brought no greeting, polls before the next one is tried, and
  // how many seconds they wait.
  let mute = 0, polls = 0, patience = 0

  /** @param {Snapshot} snapshot */
  const stand = snapshot => {
    ({ versions = new Map, ...at } = snapshot)
    ended = at.status === 'ended'
    stale = false
    heard = Date.now()
  }
  const place = () => `?after=${at.seq}&epoch=${at.epoch}` + (at.chain ? '&chain=' + at.chain : '')

  /** @param {State} next */
  const set = next => {
    if (state === next) return
    page.state(state = next)
    tell()
  }
  const lost = () => ended || set(navigator.onLine ? 'reconnecting' : 'offline')
  const alive = () => {
    heard = Date.now()
    page.alive?.()
  }
  /** @param {Counts} counts */
  const count = counts => {
    say('views', counts)
    page.counts(counts)
  }

  /**
   * Applies an event if it is the next one. @returns whether one is missing before it
   * @param {Kind} kind @param {EventData} data
   */
  const receive = (kind, data) => {
    const { id, seq, version, chain } = data
    if (seq !== at.seq + 1) return seq > at.seq
    at = { ...at, seq, chain }
    resets = 0
    if (kind === 'blog') ended = data.status === 'ended'
    const fresh = version >= (versions.get(id) ?? 0)
    if (fresh) versions.set(id, version)
    say(kind, data)
    page.event(kind, data, fresh)
  }

  /**
   * Asks for what came after our place, and applies it. @returns how many events there were
   * @param {number} wait seconds @param {AbortSignal} signal
   */
  const catchUp = async (wait, signal) => {
    /** @type {Batch} */
    const batch = await ask(`${poll}${place()}&wait=${wait}` + (token === undefined ? '&token=1' : ''), signal)
    signal.throwIfAborted()
    stale = batch.events.some(({ type, data }) => receive(type, data)) || !!batch.reset
    ended = batch.ended
    token ??= batch.token ?? ''
    failures = 0
    alive()
    if (!stale) set(ended ? 'ended' : 'live')
    return batch.events.length
  }

  /** Reads everything anew: after a reset, or where an event is missing. @param {AbortSignal} signal */
  const renew = async signal => {
    lost()
    await sleep(jitter(resets++), signal)
    const snapshot = await page.reload(signal)
    signal.throwIfAborted()
    stand(snapshot)
  }

  /** Follows by a stream until it is over. @param {AbortSignal} signal */
  const stream = signal => new Promise((/** @type {(_?: any) => void} */ done, fail) => {
    signal.throwIfAborted()
    const source = new EventSource(base + 'stream' + place())
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let watchdog
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let hello
    let greeted = false, leaving = false
    const close = (then = done) => {
      clearTimeout(watchdog)
      clearTimeout(hello)
      source.close()
      then()
    }
    // A proxy keeps the bytes back, or refuses: a look, and long polls when it always does.
    const distrust = (then = done) => {
      const often = mute++ > 2
      polls = often ? 30 : 1
      patience = often ? 20 : 0
      close(then)
    }
    const greet = () => {
      clearTimeout(hello)
      hello = setTimeout(distrust, HELLO)
    }
    const breathe = () => {
      alive()
      clearTimeout(watchdog)
      watchdog = setTimeout(close, WATCHDOG)
    }
    /** @param {string} type @param {(data: any) => any} f returns whether the stream is of no more use */
    const on = (type, f) => source.addEventListener(type, e => {
      breathe()
      if (f(e.data && JSON.parse(e.data))) close()
    })
    on('hello', data => {
      clearTimeout(hello)
      greeted = true
      leaving = false
      failures = mute = 0
      poll = data.poll ?? poll
      token = data.token ?? token ?? ''
      set('live')
      count(data)
      return stale = data.epoch !== at.epoch || data.from > at.seq
    })
    for (const kind of KINDS) on(kind, data => stale = !!receive(kind, data))
    on('views', count)
    on('ping', data => data.head > at.seq)
    on('reset', () => stale = true)
    on('end', () => {
      ended = true
      set('ended')
      return true
    })
    on('bye', data => {
      leaving = greeted
      if (greeted || !data.poll) return
      // Refused. Where this node is full, others may be too: come back later.
      poll = data.poll
      polls = spread(/limit/.test(data.reason) ? 9 : 1)
      patience = 0
      return true
    })
    source.onopen = greet
    source.onerror = () => {
      clearTimeout(hello)
      // 2 is closed. A node that said bye may go; that none is there after it, is told.
      if (source.readyState === 2) distrust(fail)
      else if (leaving) leaving = false
      else lost()
      greeted = false
    }
    signal.onabort = () => close(fail)
    greet()
    breathe()
  })

  /** What a tab that leads does next. @param {AbortSignal} signal */
  const step = async signal => {
    const time = pause
    pause = 0
    await sleep(time, signal)
    if (stale) return renew(signal)
    if (ended) {
      free()
      await sleep(heard + (token === undefined ? HELLO : MINUTE) - Date.now(), signal)
      return catchUp(0, signal)
    }
    const room = await slot(signal)
    if (room && polls <= 0) return stream(signal)
    polls--
    const wait = room ? patience : 0, before = mute
    // Where polls fail too, it is not the stream.
    mute = 0
    const events = await catchUp(wait, signal)
    mute = before
    if (!events && (!room || polls > 0)) await sleep(spread(wait ? 500 : SHORT), signal)
  }

  // The tabs of a browser.

  /** @type {AbortController | undefined} Ends what is waited for now. */
  let turn
  /** @type {AbortController | undefined} Ends the lead, or the wait for it. */
  let joined
  /** @type {AbortController | undefined} */
  let listening
  /** @type {BroadcastChannel | undefined} */
  let channel
  /** @type {((_?: any) => void) | undefined} Gives the connection back that this tab holds. */
  let seat
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let beat
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let quiet
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let hiding
  let leading = false, filling = false

  /** @param {string} kind @param {any} [data] */
  const say = (kind, data) => leading && channel?.postMessage({ kind, data })
  const tell = () => say('lead', { ...at, state, token })

  const free = () => {
    seat?.()
    seat = undefined
  }

  /** Gets one of the browser's connections, if one is left. @param {AbortSignal} signal */
  const slot = async signal => {
    for (let i = 0; locks && !seat && i < SLOTS; i++) {
      await new Promise(next => locks.request('dateline-stream-' + i, { ifAvailable: true }, lock => {
        next(0)
        if (lock && !signal.aborted) return new Promise(done => { seat = done })
      }))
    }
    return !locks || seat
  }

  /** @param {AbortController} mine */
  const lead = async mine => {
    leading = true
    turn?.abort()
    clearTimeout(quiet)
    beat = setInterval(tell, BEAT)
    tell()
    while (mine === joined) {
      const { signal } = turn = new AbortController
      try {
        await step(signal)
      } catch {
        if (signal.aborted) continue
        lost()
        patience = 0
        pause = 1e3 + jitter(failures++)
      }
    }
  }

  const leave = () => {
    const mine = joined
    joined = undefined
    leading = false
    mine?.abort()
    turn?.abort()
    clearInterval(beat)
    clearTimeout(quiet)
    free()
  }

  /** Waits until this tab leads, or takes the lead from one that is silent. @param {boolean} [steal] */
  const join = steal => {
    leave()
    const mine = joined = new AbortController
    if (!locks) return lead(mine)
    channel ??= new BroadcastChannel('dateline ' + base)
    channel.onmessage = hear
    channel.postMessage({ kind: 'here', data: at.seq })
    watch()
    locks.request('dateline-lead ' + base, steal ? { steal } : { signal: mine.signal }, () => mine === joined && new Promise(done => {
      mine.signal.onabort = done
      lead(mine)
    // Taken from us, unless we gave it up.
    })).catch(() => { if (mine === joined) join() })
  }
  const watch = () => {
    clearTimeout(quiet)
    quiet = setTimeout(join, spread(QUIET), true)
  }

  /** Fills a gap of a tab that another one leads. */
  const fill = async () => {
    if (filling) return
    filling = true
    const { signal } = turn = new AbortController
    try {
      while (await catchUp(0, signal));
      if (stale) await renew(signal)
    } catch {
      // The leader's next sign of life starts another try.
    }
    filling = false
  }

  /** @param {MessageEvent<{kind: any, data: any}>} message from another tab */
  const hear = ({ data: { kind, data } }) => {
    if (kind === 'here') {
      tell()
      // A tab that has just come may have read a newer page.
      if (leading && state !== 'live' && data > at.seq) wake()
    } else if (joined && !leading) {
      alive()
      watch()
      if (kind === 'views') count(data)
      else if (kind !== 'lead') receive(kind, data) && fill()
      else {
        token ??= data.token
        set(data.state)
        if (data.epoch !== at.epoch || data.seq > at.seq || at.chain && data.seq === at.seq && data.chain !== at.chain) fill()
      }
    }
  }

  // The page around.

  const wake = () => {
    heard = 0
    if (leading) turn?.abort()
    else if (joined) fill()
  }
  /** Makes sure that somebody who came back has a connection that works. */
  const check = () => {
    if (document?.hidden) return
    mute = polls = 0
    if (!joined) join()
    else if (Date.now() - heard > STALE || /^re|off/.test(state)) wake()
  }
  const onVisibility = () => {
    clearTimeout(hiding)
    if (document?.hidden) hiding = setTimeout(leave, locks ? HIDE : HELLO)
    else check()
  }
  const stop = () => {
    listening?.abort()
    clearTimeout(hiding)
    leave()
    channel?.close()
    channel = undefined
  }
  const start = () => {
    const { signal } = listening = new AbortController
    /** @param {string} type @param {() => void} f @param {any} [target] */
    const on = (type, f, target = globalThis) => target?.addEventListener?.(type, f, { signal })
    on('visibilitychange', onVisibility, document)
    on('pagehide', leave)
    on('pageshow', check)
    on('offline', lost)
    on('online', wake)
    join()
    if (document?.hidden) onVisibility()
  }

  stand(from)
  return { start, stop, get token() { return token } }
}
