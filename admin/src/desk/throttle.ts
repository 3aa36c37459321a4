/**
 * Spaces the runs of a function. `soon` runs it at once, and again only when an
 * interval has passed; a call during the interval causes one run at its end.
 */
export class Throttle<T> {
  #timer: ReturnType<typeof setTimeout> | undefined
  #wanted = false

  constructor(private readonly run: () => T, private readonly interval: number) {}

  soon(): void {
    if (this.#timer === undefined) this.now()
    else this.#wanted = true
  }

  /** Runs the function without waiting. An interval begins, as with `soon`. */
  now(): T {
    this.stop()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#wanted) this.now()
    }, this.interval)
    return this.run()
  }

  /** Forgets the run at the end of the interval. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wanted = false
  }
}
