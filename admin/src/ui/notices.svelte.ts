export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'error'
  action?: { label: string; run: () => void }
}

/** What is told to the user beside the thing itself: toasts, and the one status region. */
class Notices {
  toasts = $state.raw<Toast[]>([])
  spoken = $state('')
  #next = 1

  /** Says something to screen readers only. */
  say(text: string): void {
    this.spoken = text
  }

  show(text: string, o: { tone?: Toast['tone']; action?: Toast['action']; ms?: number } = {}): number {
    const id = this.#next++
    const toast: Toast = { id, text, tone: o.tone ?? 'plain' }
    if (o.action) toast.action = o.action
    this.toasts = [...this.toasts.slice(-3), toast]
    this.say(o.action ? `${text} ${o.action.label} is available.` : text)
    setTimeout(() => this.dismiss(id), o.ms ?? 6000)
    return id
  }

  error(text: string): void {
    this.show(text, { tone: 'error', ms: 10_000 })
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((t) => t.id !== id)
  }
}

export const notices = new Notices()
