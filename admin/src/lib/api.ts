import { call } from './http'
import type {
  Blog, Media, NewBlog, NewPost, NewToken, Page, Post, PostPage, PostPatch, PostStatus, Revision, Role, Session, Stats,
  Token, User,
} from './types'

const blogPath = (slug: string) => `/blogs/${encodeURIComponent(slug)}`
const postPath = (slug: string, id: string) => `${blogPath(slug)}/posts/${encodeURIComponent(id)}`

function query(params: Record<string, string | number | undefined>): string {
  const set = Object.entries(params).filter(([, v]) => v !== undefined && v !== '')
  return set.length === 0 ? '' : `?${new URLSearchParams(set.map(([k, v]) => [k, String(v)]))}`
}

// Sign-in and account.

export const setupNeeded = async () => (await call<{ needed: boolean }>('/setup', { anonymous: true })).data.needed

export const claimSetup = (claim: { token: string; name: string; email: string; password: string }) =>
  call<unknown>('/setup', { method: 'POST', body: claim, anonymous: true })

export const signIn = async (email: string, password: string) =>
  (await call<{ user: User }>('/session', { method: 'POST', body: { email, password }, anonymous: true })).data.user

export const refreshSession = () => call<unknown>('/session/refresh', { method: 'POST', anonymous: true })
export const getSession = async () => (await call<Session>('/session')).data
/** Asks without the dialog that offers to sign in again. */
export const peekSession = async () => (await call<Session>('/session', { anonymous: true })).data
export const signOut = () => call<null>('/session', { method: 'DELETE', anonymous: true })

export const changePassword = (current_password: string, new_password: string) =>
  call<null>('/account/password', { method: 'PUT', body: { current_password, new_password } })

// Blogs.

export const listBlogs = async (cursor = '') =>
  (await call<Page<Blog>>(`/blogs${query({ limit: 100, cursor })}`)).data

export const getBlog = async (slug: string) => (await call<Blog>(blogPath(slug))).data

export const createBlog = async (blog: NewBlog, key: string) =>
  (await call<Blog>('/blogs', { method: 'POST', body: blog, key })).data

export const editBlog = async (slug: string, version: number, patch: Partial<Pick<Blog, 'title' | 'summary' | 'language' | 'unlisted'>>) =>
  (await call<Blog>(blogPath(slug), { method: 'PATCH', body: patch, version })).data

export const endBlog = (slug: string) => call<unknown>(`${blogPath(slug)}/end`, { method: 'POST' })
export const reopenBlog = (slug: string) => call<unknown>(`${blogPath(slug)}/reopen`, { method: 'POST' })

export const pinPost = (slug: string, post_id: string | null) =>
  call<unknown>(`${blogPath(slug)}/pinned`, { method: 'PUT', body: { post_id } })

export const getStats = async (slug: string) => (await call<Stats>(`${blogPath(slug)}/stats`)).data

// Posts.

export const listPosts = async (slug: string, o: { status?: PostStatus; cursor?: string; limit?: number } = {}) =>
  (await call<PostPage>(`${blogPath(slug)}/posts${query({ ...o })}`)).data

export const getPost = async (slug: string, id: string) => (await call<Post>(postPath(slug, id))).data

export const createPost = async (slug: string, post: NewPost, key: string) =>
  (await call<Post>(`${blogPath(slug)}/posts`, { method: 'POST', body: post, key })).data

export const editPost = async (slug: string, id: string, version: number, patch: PostPatch) =>
  (await call<Post>(postPath(slug, id), { method: 'PATCH', body: patch, version })).data

export const deletePost = (slug: string, id: string, version: number) =>
  call<null>(postPath(slug, id), { method: 'DELETE', version })

export const restorePost = async (slug: string, id: string) =>
  (await call<Post | null>(`${postPath(slug, id)}/restore`, { method: 'POST' })).data

export const listRevisions = async (slug: string, id: string) =>
  (await call<{ items: Revision[] }>(`${postPath(slug, id)}/revisions`)).data.items

/** The HTML that readers would see. */
export const preview = async (body: string) =>
  (await call<{ html: string }>('/preview', { method: 'POST', body: { body, format: 'markdown' } })).data.html

// Media. Uploads are in upload.ts, since fetch reports no progress.

export const getMedia = async (id: string) => (await call<Media>(`/media/${encodeURIComponent(id)}`)).data

export const editMedia = (id: string, patch: Partial<Pick<Media, 'alt' | 'caption' | 'credit'>>) =>
  call<unknown>(`/media/${encodeURIComponent(id)}`, { method: 'PATCH', body: patch })

// Administration.

export const listUsers = async () => (await call<Page<User>>('/users')).data.items

export const createUser = async (user: { email: string; name: string; role: Role; password: string }) =>
  (await call<User>('/users', { method: 'POST', body: user })).data

export const editUser = async (id: string, patch: { name?: string; role?: Role; disabled?: boolean }) =>
  (await call<User>(`/users/${encodeURIComponent(id)}`, { method: 'PATCH', body: patch })).data

export const listTokens = async () => (await call<Page<Token>>('/tokens')).data.items

export const createToken = async (token: NewToken) =>
  (await call<Token & { token: string }>('/tokens', { method: 'POST', body: token })).data

export const revokeToken = (id: string) => call<null>(`/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' })
