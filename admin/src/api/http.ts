import { ApiError, problemFrom } from './problem'

/** How long an answer may take, in milliseconds, before the request counts as lost. */
const deadline = 20_000

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  /** The version that the change is based on. */
  version?: number
  /** Idempotency-Key: a repeated request with it has one effect. */
  key?: string
  /** Set for the requests that sign in: a 401 is an answer there. */
  anonymous?: boolean
}

/** Called on 401; resolves to whether the request may be sent again. */
type Recover = (since: number) => Promise<boolean>

let recover: Recover = async () => false

/** Sets what happens when the session is over. */
export function onSignedOut(f: Recover): void {
  recover = f
}

/** Sends a request to /api/v1 and returns the body of the answer. Throws ApiError for everything but 2xx. */
export async function call<T>(path: string, options: Call = {}): Promise<T> {
  const since = Date.now()
  try {
    return await once<T>(path, options)
  } catch (err) {
    const signedOut = err instanceof ApiError && err.status === 401 && !options.anonymous
    if (!signedOut || !(await recover(since))) throw err
    return once<T>(path, options)
  }
}

async function once<T>(path: string, options: Call): Promise<T> {
  const response = await send(path, options)
  const data = await readJSON(response)
  if (!response.ok) throw problemFrom(response.status, response.headers, data)
  return data as T
}

async function send(path: string, options: Call): Promise<Response> {
  const { method = 'GET', body } = options
  try {
    return await fetch(`/api/v1${path}`, {
      method,
      headers: headersOf(options),
      body: body === undefined ? null : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(deadline),
    })
  } catch {
    throw new ApiError(0, 'unreachable')
  }
}

function headersOf({ body, version, key }: Call): Record<string, string> {
  return {
    Accept: 'application/json',
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(version === undefined ? {} : { 'If-Match': `"v${version}"` }),
    ...(key === undefined ? {} : { 'Idempotency-Key': key }),
  }
}

/** The body as JSON; null when there is none. A body cut in the middle counts as no answer. */
async function readJSON(response: Response): Promise<unknown> {
  let text: string
  try {
    text = await response.text()
  } catch {
    throw new ApiError(0, 'unreachable')
  }
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    if (response.ok) throw new ApiError(0, 'unreadable')
    return null
  }
}
