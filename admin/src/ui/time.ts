const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' })

/** Hours and minutes. */
export const clockTime = (at: string | number) => clock.format(new Date(at))
export const clockTimeSeconds = (at: string | number) => clockSeconds.format(new Date(at))
/** Date and time with seconds, for a title. */
export const fullTime = (at: string | number) => full.format(new Date(at))
export const dayMonth = (at: string | number) => day.format(new Date(at))

const units: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3600], ['minute', 60]]

/** How long ago; "now" below a minute. */
export function ago(at: string | number, now: number): string {
  const seconds = (new Date(at).getTime() - now) / 1000
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  }
  return 'just now'
}

/** A number with its thousands marked. */
export const count = (n: number) => n.toLocaleString()
