import * as api from '../api/operations'
import type { Desk } from './desk.svelte'
import { attempt } from '../ui/attempt'
import { notices } from '../ui/notices.svelte'
import { ApiError } from '../api/problem'
import type { Post, PostPatch } from '../api/names'

/** How long a removal can be taken back from its toast, in milliseconds. */
const undoTime = 10_000

/** Changes a post without touching its text; a colleague's newer version is no obstacle. */
async function change(desk: Desk, post: Post, patch: PostPatch): Promise<void> {
  try {
    desk.put(await api.editPost(desk.slug, post.id, post.version, patch))
  } catch (err) {
    if (!(err instanceof ApiError) || err.status !== 412) throw err
    const current = err.current ?? (await api.getPost(desk.slug, post.id))
    desk.put(await api.editPost(desk.slug, post.id, current.version, patch))
  }
}

export const toggleKeyEvent = (desk: Desk, post: Post) => attempt(async () => {
  await change(desk, post, { key_event: !post.key_event })
  notices.say(post.key_event ? 'No longer a key event.' : 'Marked as key event.')
})

export const togglePin = (desk: Desk, post: Post) => attempt(async () => {
  const pinned = desk.isPinned(post)
  await api.pinPost(desk.slug, pinned ? null : post.id)
  if (desk.blog) desk.blog = { ...desk.blog, pinned_post_id: pinned ? null : post.id }
  notices.say(pinned ? 'Unpinned.' : 'Pinned to the top.')
})

/** Moves a draft or a submission on. An approver must have seen the text: a newer version is refused. */
export const setStatus = (desk: Desk, post: Post, status: 'published' | 'draft' | 'submitted') => attempt(async () => {
  desk.put(await api.editPost(desk.slug, post.id, post.version, { status }))
  await desk.lists.load()
  notices.say({ published: 'Published.', draft: 'Back to draft.', submitted: 'Submitted for approval.' }[status])
})

export const remove = (desk: Desk, post: Post) => attempt(async () => {
  try {
    await api.deletePost(desk.slug, post.id, post.version)
  } catch (err) {
    if (!(err instanceof ApiError) || err.status !== 412) throw err
    if (err.current) desk.put(err.current)
    await desk.lists.load()
    throw new Error('Somebody changed this post in the meantime. Look at it, then delete it again.')
  }
  desk.drop(post.id, post.version + 1)
  notices.show('Post removed.', { ms: undoTime, action: { label: 'Undo', run: () => void restore(desk, post) } })
})

export const restore = (desk: Desk, post: Post) => attempt(async () => {
  desk.put((await api.restorePost(desk.slug, post.id)) ?? (await api.getPost(desk.slug, post.id)))
  await desk.lists.load()
  notices.say('Post restored.')
})
