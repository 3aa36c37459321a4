/** Full jitter: a random wait in [base, min(cap, base * 2^attempt)], in milliseconds. */
export function fullJitter(attempt: number, base: number, cap: number, random = Math.random): number {
  const ceiling = Math.min(cap, base * 2 ** Math.min(attempt, 20))
  return Math.round(base + random() * (ceiling - base))
}
