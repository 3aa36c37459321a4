// The shapes of the API under /api/v1, as the editors' page uses them.

export type Role = 'admin' | 'editor' | 'contributor' | 'viewer'

export type Permission =
  | 'unpublished.read' | 'post.submit' | 'post.publish' | 'blog.create' | 'blog.edit'
  | 'media.upload' | 'member.manage' | 'user.manage' | 'token.manage' | 'account.own'

export interface User {
  id: string
  email: string
  name: string
  role: Role
  disabled: boolean
  created_at: string
}

/** What somebody may be on one blog. */
export type MemberRole = Exclude<Role, 'admin'>

export interface Member {
  user: User
  role: MemberRole
}

export interface Session {
  user: User
  permissions: Permission[]
}

export type BlogStatus = 'draft' | 'live' | 'ended'

export interface Blog {
  id: string
  slug: string
  title: string
  summary: string
  summary_html: string
  status: BlogStatus
  language: string
  unlisted: boolean
  pinned_post_id: string | null
  version: number
  epoch: string
  last_seq: number
  url: string
  created_at: string
  updated_at: string
  started_at: string | null
  ended_at: string | null
  /** What you may do on it; only when one blog is read. */
  permissions?: Permission[]
}

export interface NewBlog {
  slug: string
  title: string
  summary?: string
  language?: string
  status?: BlogStatus
  unlisted?: boolean
}

export type PostStatus = 'draft' | 'submitted' | 'published' | 'removed'

/** What an editor writes: the part of a post that a composer holds. */
export interface PostFields {
  title: string
  body: string
  byline: string
  tags: string[]
  key_event: boolean
  pinned: boolean
}

/** A post. The fields after `views` come only from the API, not from the stream. */
export interface Post extends Omit<PostFields, 'body'> {
  id: string
  version: number
  position: number
  status: PostStatus
  html: string
  published_at: string | null
  edited_at: string | null
  url: string
  views?: number
  seq?: number
  body?: string
  text?: string
  external_id?: string
  author?: Person | null
  created_at?: string
  updated_at?: string
}

export interface Person {
  id: string
  name: string
}

export interface NewPost extends PostFields {
  status: 'published' | 'draft' | 'submitted'
}

export interface PostPatch extends Partial<PostFields> {
  status?: 'published' | 'draft' | 'submitted'
}

export interface Page<T> {
  items: T[]
  next_cursor: string
}

export interface PostPage extends Page<Post> {
  epoch: string
  last_seq: number
  chain?: string
}

export interface Revision {
  version: number
  status: PostStatus
  title: string
  body: string
  html: string
  byline: string
  tags: string[]
  key_event: boolean
  editor: Person | null
  at: string
}

export interface Stats {
  readers: number
  posts: Record<string, number>
}

export interface Media {
  id: string
  width: number
  height: number
  alt: string
  caption: string
  credit: string
  color: string
  markdown: string
  url: string
}

export type Scope = 'read' | 'posts:write' | 'blogs:write' | 'media:write'

export interface Token {
  id: string
  name: string
  scopes: Scope[]
  blog?: string | null
  created_at: string
  expires_at: string
  last_used_at?: string | null
}

export interface NewToken {
  name: string
  scopes: Scope[]
  blog?: string
  expires_in_days: number
}

export interface FieldError {
  location: string
  message: string
}
