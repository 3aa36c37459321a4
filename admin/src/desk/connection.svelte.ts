import { follow, type Batch, type Counts, type Kind, type Snapshot, type State } from '../../../web/follow.js'
import { notices } from '../ui/notices.svelte'

/** What the desk does with a stream. */
export interface Receiver {
  event: (kind: Kind, data: unknown) => void
  counts: (counts: Counts) => void
  state: (state: State) => void
  /** Reads everything anew, and returns where the log ends for what was read. */
  reload: () => Promise<Snapshot>
  /** Signs in again: the poll was refused. */
  signIn: () => Promise<void>
}

/** The stream of one blog: whether it is connected, and when anything was last heard. */
export class Connection {
  state = $state<State>('connecting')
  /** In milliseconds; 0 before the first answer. */
  lastHeard = $state(0)
  #follower: ReturnType<typeof follow> | null = null

  constructor(private readonly slug: string, private readonly receiver: Receiver) {}

  /** Follows the blog from a place in its log. */
  start(from: Snapshot): void {
    const { event, counts, reload } = this.receiver
    this.state = from.status === 'ended' ? 'ended' : 'connecting'
    this.#follower = follow(`/api/v1/blogs/${encodeURIComponent(this.slug)}/`, from, {
      event, counts, reload,
      state: (state) => this.#change(state),
      alive: () => this.heard(),
      ask: (url, signal) => this.#ask(url, signal),
    })
    this.#follower.start()
  }

  stop(): void {
    this.#follower?.stop()
  }

  /** Notes that the server has answered. */
  heard(): void {
    this.lastHeard = Date.now()
  }

  /** Reads the events after our place. A user who may no longer read them signs in again; the next poll asks again. */
  async #ask(url: string, signal: AbortSignal): Promise<Batch> {
    const answer = await fetch(url, { signal })
    if (answer.status === 401) await this.receiver.signIn()
    if (!answer.ok) throw new Error(`events: ${answer.status}`)
    return answer.json()
  }

  #change(state: State): void {
    const before = this.state
    this.state = state
    if (before === 'live' && state !== 'live') notices.say(connectionWords[state])
    this.receiver.state(state)
    if (before !== 'live' && before !== 'connecting' && state === 'live') notices.say('Connected again.')
  }
}

/** The word that the screen shows for a state. */
export const connectionWords: Record<State, string> = {
  connecting: 'Connecting', live: 'Connected', reconnecting: 'Reconnecting', offline: 'Offline', ended: 'Ended',
}
