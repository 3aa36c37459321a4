/** The time, renewed every 20 s, so that "2 min ago" stays true. */
class Clock {
  now = $state(Date.now())

  constructor() {
    setInterval(() => { this.now = Date.now() }, 20_000)
  }
}

export const clock = new Clock()
