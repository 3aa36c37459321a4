import { uuid } from '../../browser/id'
import { explain } from '../../api/problem'
import type { Media } from '../../api/names'
import { uploadImage } from './upload'

/** An image on its way to the server. */
export interface Upload {
  id: number
  /** Sent as Idempotency-Key with every try. */
  key: string
  name: string
  file: File
  /** An object URL of the file. */
  preview: string
  /** From 0 to 1. */
  progress: number
  error: string
}

/** The uploads of one text of a blog. What fails stays in the list until a person decides. */
export class Uploads {
  list = $state<Upload[]>([])
  #next = 1

  constructor(private readonly slug: () => string, private readonly onDone: (media: Media) => void) {}

  /** Whether an image is still on its way. */
  get busy(): boolean { return this.list.some((u) => !u.error) }

  add(files: File[]): void {
    for (const file of files) {
      const id = this.#next++
      this.list.push({ id, key: uuid(), name: file.name, file, preview: URL.createObjectURL(file), progress: 0, error: '' })
      void this.#send(id)
    }
  }

  retry(u: Upload): void {
    u.error = ''
    void this.#send(u.id)
  }

  dismiss(u: Upload): void {
    URL.revokeObjectURL(u.preview)
    this.list = this.list.filter((x) => x.id !== u.id)
  }

  async #send(id: number): Promise<void> {
    const u = this.list.find((x) => x.id === id)
    if (!u) return
    try {
      const media = await uploadImage(this.slug(), u.file, u.key, (part) => { u.progress = part })
      if (!this.list.some((x) => x.id === id)) return
      this.onDone(media)
      this.dismiss(u)
    } catch (err) {
      u.error = explain(err)
    }
  }
}
