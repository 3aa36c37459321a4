// Uses the generated types as a program would: what the document leaves out does
// not compile here.
import type { components, operations } from './api'

type Post = operations['create-post']['responses'][201]['content']['application/json']
type Batch = operations['poll-events']['responses'][200]['content']['application/json']
type Problem = components['schemas']['Problem']

const ask = async <T>(url: string, init: RequestInit): Promise<T> => {
  const answer = await fetch(url, init)
  if (!answer.ok) throw new Error(((await answer.json()) as Problem).code)
  return answer.json()
}

export const publish = (blog: string, token: string, post: components['schemas']['CreatePostBody'], key: string) =>
  ask<Post>(blog + '/posts', {
    method: 'POST', body: JSON.stringify(post),
    headers: { Authorization: 'Bearer ' + token, 'Content-Type': 'application/json', 'Idempotency-Key': key },
  })

export const eventsAfter = async (blog: string, after: number): Promise<number[]> => {
  const batch: Batch = await ask<Batch>(blog + '/events?after=' + after, {})
  return batch.events.map(event => event.seq)
}
