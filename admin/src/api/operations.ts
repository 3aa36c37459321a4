import { call } from './http'
import type {
  Blog, BlogPatch, CreatedToken, Media, MediaPatch, Member, MemberRole, NewBlog, NewPost, NewToken, NewUser, Page, Post, PostPage,
  PostPatch, PostStatus, Preview, Revision, Session, SetupClaim, SetupState, Stats, Token, User, UserPatch,
} from './names'

const blogPath = (slug: string) => `/blogs/${encodeURIComponent(slug)}`
const postPath = (slug: string, id: string) => `${blogPath(slug)}/posts/${encodeURIComponent(id)}`

function query(params: Record<string, string | number | undefined>): string {
  const set = Object.entries(params).filter(([, v]) => v !== undefined && v !== '')
  return set.length === 0 ? '' : `?${new URLSearchParams(set.map(([k, v]) => [k, String(v)]))}`
}

// Sign-in and account.

export const setupNeeded = async () => (await call<SetupState>('/setup', { anonymous: true })).needed

export const claimSetup = (claim: SetupClaim) =>
  call<unknown>('/setup', { method: 'POST', body: claim, anonymous: true })

export const signIn = async (email: string, password: string) =>
  (await call<{ user: User }>('/session', { method: 'POST', body: { email, password }, anonymous: true })).user

export const refreshSession = () => call<unknown>('/session/refresh', { method: 'POST', anonymous: true })
/** Asks without the dialog that offers to sign in again. */
export const getSession = () => call<Session>('/session', { anonymous: true })
export const signOut = () => call<null>('/session', { method: 'DELETE', anonymous: true })

export const changePassword = (current_password: string, new_password: string) =>
  call<null>('/account/password', { method: 'PUT', body: { current_password, new_password } })

// Blogs.

export const listBlogs = (cursor = '') =>
  call<Page<Blog>>(`/blogs${query({ limit: 100, cursor })}`)

export const getBlog = (slug: string) => call<Blog>(blogPath(slug))

export const createBlog = (blog: NewBlog, key: string) =>
  call<Blog>('/blogs', { method: 'POST', body: blog, key })

export const editBlog = (slug: string, version: number, patch: BlogPatch) =>
  call<Blog>(blogPath(slug), { method: 'PATCH', body: patch, version })

export const endBlog = (slug: string) => call<unknown>(`${blogPath(slug)}/end`, { method: 'POST' })
export const reopenBlog = (slug: string) => call<unknown>(`${blogPath(slug)}/reopen`, { method: 'POST' })

export const pinPost = (slug: string, post_id: string | null) =>
  call<unknown>(`${blogPath(slug)}/pinned`, { method: 'PUT', body: { post_id } })

export const getStats = (slug: string) => call<Stats>(`${blogPath(slug)}/stats`)

// Posts.

export const listPosts = (slug: string, o: { status?: PostStatus; cursor?: string; limit?: number } = {}) =>
  call<PostPage>(`${blogPath(slug)}/posts${query({ ...o })}`)

export const getPost = (slug: string, id: string) => call<Post>(postPath(slug, id))

export const createPost = (slug: string, post: NewPost, key: string) =>
  call<Post>(`${blogPath(slug)}/posts`, { method: 'POST', body: post, key })

export const editPost = (slug: string, id: string, version: number, patch: PostPatch) =>
  call<Post>(postPath(slug, id), { method: 'PATCH', body: patch, version })

export const deletePost = (slug: string, id: string, version: number) =>
  call<null>(postPath(slug, id), { method: 'DELETE', version })

export const restorePost = (slug: string, id: string) =>
  call<Post | null>(`${postPath(slug, id)}/restore`, { method: 'POST' })

export const listRevisions = async (slug: string, id: string) =>
  (await call<Page<Revision>>(`${postPath(slug, id)}/revisions`)).items

/** The HTML that readers would see. */
export const preview = async (body: string) =>
  (await call<Preview>('/preview', { method: 'POST', body: { body, format: 'markdown' } })).html

// Media. Uploads are in desk/editor/upload.ts, since fetch reports no progress.

export const getMedia = (id: string) => call<Media>(`/media/${encodeURIComponent(id)}`)

export const editMedia = (id: string, patch: MediaPatch) =>
  call<unknown>(`/media/${encodeURIComponent(id)}`, { method: 'PATCH', body: patch })

// Administration.

export const listUsers = async () => (await call<Page<User>>('/users')).items

export const createUser = (user: NewUser) =>
  call<User>('/users', { method: 'POST', body: user })

export const editUser = (id: string, patch: UserPatch) =>
  call<User>(`/users/${encodeURIComponent(id)}`, { method: 'PATCH', body: patch })

const memberPath = (slug: string, user: string) => `${blogPath(slug)}/members/${encodeURIComponent(user)}`

export const listMembers = async (slug: string) => (await call<Page<Member>>(`${blogPath(slug)}/members`)).items

export const setMember = (slug: string, user: string, role: MemberRole) =>
  call<Member>(memberPath(slug, user), { method: 'PUT', body: { role } })

export const removeMember = (slug: string, user: string) => call<null>(memberPath(slug, user), { method: 'DELETE' })

export const listTokens = async () => (await call<Page<Token>>('/tokens')).items

export const createToken = (token: NewToken) =>
  call<CreatedToken>('/tokens', { method: 'POST', body: token })

export const revokeToken = (id: string) => call<null>(`/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' })
