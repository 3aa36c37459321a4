import type { FieldError, Post, ProblemBody } from './names'

/** A request that did not succeed. Status 0 means that no answer came. */
export class ApiError extends Error {
  override name = 'ApiError'
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail = '',
    readonly fields: FieldError[] = [],
    /** Seconds the server asks to wait; 0 when it does not. */
    readonly retryAfter = 0,
    /** The current post, with a 412. */
    readonly current: Post | null = null,
    readonly requestId = '',
  ) {
    super(detail || code)
  }

  /** Whether the same request may succeed later, unchanged. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 425 || this.status === 429 || this.status >= 500
  }

  /** What is wrong with one field, by its name. */
  field(name: string): string {
    return this.fields.find((f) => f.location === `body.${name}` || f.location?.startsWith(`body.${name}[`))?.message ?? ''
  }
}

/** Reads a problem+json body (RFC 9457); anything else is taken for what its status says. */
export function problemFrom(status: number, headers: Headers, body: unknown): ApiError {
  const p = (typeof body === 'object' && body !== null ? body : {}) as ProblemBody
  const wait = Number.parseInt(headers.get('Retry-After') ?? '', 10)
  return new ApiError(
    status, p.code ?? `http_${status}`, p.detail ?? p.title ?? '', p.errors ?? [],
    Number.isFinite(wait) && wait > 0 ? wait : 0, (p.current as Post | undefined) ?? null, p.request_id ?? headers.get('X-Request-Id') ?? '',
  )
}

const sentences: Record<number, string> = {
  0: 'The server cannot be reached.',
  401: 'You are signed out.',
  403: 'You may not do this.',
  404: 'This does not exist, or no longer.',
  410: 'This was removed.',
  412: 'Somebody changed this in the meantime.',
  413: 'This is too large.',
  415: 'This kind of file cannot be used.',
  429: 'Too many requests. Wait a moment.',
  503: 'The server is busy or restarting.',
}

/** One or two sentences for people. */
export function explain(err: unknown): string {
  if (!(err instanceof ApiError)) return err instanceof Error ? err.message : String(err)
  const fields = err.fields.map((f) => `${f.location?.replace(/^body\./, '') ?? ''} ${f.message}`.trim())
  if (fields.length > 0) return `Please check: ${fields.join('; ')}.`
  if (err.detail && err.status !== 0) return sentence(err.detail)
  return sentences[err.status] ?? (err.status >= 500 ? 'The server failed. Your text is kept here.' : `The server refused this (${err.code}).`)
}

function sentence(s: string): string {
  const capital = s.charAt(0).toUpperCase() + s.slice(1)
  return /[.!?]$/.test(capital) ? capital : `${capital}.`
}
