import { shrink } from './image'
import { ApiError, problemFrom } from '../../api/problem'
import { session } from '../../account/session.svelte'
import type { Media } from '../../api/names'

/**
 * Uploads an image; progress goes from 0 to 1. A repeated upload with the same
 * key makes no second image. The editors of the blog may change its texts. Signs in again when the session is over.
 */
export async function uploadImage(slug: string, file: File, key: string, onProgress: (part: number) => void): Promise<Media> {
  const body = await shrink(file)
  const since = Date.now()
  try {
    return await post(slug, body, file.name, key, onProgress)
  } catch (err) {
    if (!(err instanceof ApiError) || err.status !== 401 || !(await session.recover(since))) throw err
    return post(slug, body, file.name, key, onProgress)
  }
}

/** XMLHttpRequest, since fetch tells nothing about progress of a request. */
function post(slug: string, blob: Blob, name: string, key: string, onProgress: (part: number) => void): Promise<Media> {
  const form = new FormData()
  form.append('file', blob, name)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', '/api/v1/media?blog=' + encodeURIComponent(slug))
    request.setRequestHeader('Idempotency-Key', key)
    request.responseType = 'text'
    request.upload.onprogress = (e) => onProgress(e.lengthComputable ? e.loaded / e.total : 0)
    request.onerror = () => reject(new ApiError(0, 'unreachable'))
    request.onload = () => answer(request, resolve, reject)
    request.send(form)
  })
}

function answer(request: XMLHttpRequest, resolve: (m: Media) => void, reject: (e: ApiError) => void): void {
  let body: unknown = null
  try {
    body = JSON.parse(request.responseText)
  } catch {
    if (request.status < 400) return reject(new ApiError(0, 'unreadable'))
  }
  if (request.status >= 200 && request.status < 300) return resolve(body as Media)
  const headers = new Headers({ 'Retry-After': request.getResponseHeader('Retry-After') ?? '' })
  reject(problemFrom(request.status, headers, body))
}
