// Names for the shapes of the API under /api/v1. schema.d.ts is generated from the
// OpenAPI document (npm run api). Where a name here adds something to a generated
// type, the document cannot say it.

import type { components } from './schema'

type Schemas = components['schemas']

/** The document allows null in place of every list. The server sends an empty list. */
type Lists<T> = { [K in keyof T]: T[K] extends readonly unknown[] | null | undefined ? Exclude<T[K], null> : T[K] }

/** One page of a list. */
export type Page<T> = Omit<Schemas['BlogsOutputBody'], 'items'> & { items: T[] }

export type FieldError = Schemas['ProblemItem']
/** A proxy may answer in the place of the server: every field may be missing. */
export type ProblemBody = Partial<Schemas['Problem']>

// People.

/** An action of the server's policy; the document calls it a string. */
export type Permission =
  | 'unpublished.read' | 'post.submit' | 'post.publish' | 'blog.create' | 'blog.edit'
  | 'media.upload' | 'member.manage' | 'user.manage' | 'token.manage' | 'account.own'

export type Person = Schemas['AuthorBody']
export type User = Schemas['UserBody']
export type Role = User['role']
export type NewUser = Schemas['CreateUserInputBody']
export type UserPatch = Schemas['UpdateUserInputBody']
export type Member = Schemas['MemberBody']
/** The role of a user on one blog. */
export type MemberRole = Member['role']
export type Session = Omit<Schemas['ShowSessionOutputBody'], 'permissions'> & { permissions: Permission[] }
export type SetupState = Schemas['SetupOutputBody']
export type SetupClaim = Schemas['ClaimSetupInputBody']

export type Token = Lists<Schemas['TokenBody']>
export type NewToken = Schemas['CreateTokenInputBody']
export type CreatedToken = Lists<Schemas['CreateTokenOutputBody']>
export type Scope = NonNullable<NewToken['scopes']>[number]

// Blogs.

/** `pinned_post_id` is null without a pinned post; `permissions` are sent when one blog is read. */
export type Blog = Omit<Schemas['BlogBody'], 'pinned_post_id' | 'permissions'> & { pinned_post_id: string | null; permissions?: Permission[] }
export type BlogStatus = Blog['status']
export type NewBlog = Schemas['CreateBlogBody']
export type BlogPatch = Schemas['EditBlogInputBody']
export type Stats = Schemas['StatsOutputBody']

// Posts.

type PostBody = Lists<Schemas['PostBody']>
/** The fields that the API sends and the stream does not. */
type FieldsOfAPI = 'views' | 'seq' | 'body' | 'text' | 'external_id' | 'created_at' | 'updated_at'

/** A post from the API or from the stream. */
export type Post = Omit<PostBody, FieldsOfAPI | 'author'> & Partial<Pick<PostBody, FieldsOfAPI>> & { author?: Person | null }
export type PostStatus = Post['status']
/** The part of a post that a composer holds. */
export type PostFields = Pick<PostBody, 'title' | 'body' | 'byline' | 'tags' | 'key_event' | 'pinned'>
export type NewPost = PostFields & { status: NonNullable<Schemas['CreatePostBody']['status']> }
export type PostPatch = Schemas['EditPostInputBody']
export type PostPage = Omit<Schemas['PostsOutputBody'], 'items'> & { items: Post[] }
export type Revision = Omit<Lists<Schemas['RevisionBody']>, 'editor'> & { editor: Person | null }
export type Preview = Schemas['PreviewOutputBody']
export type Media = Schemas['MediaBody']
export type MediaPatch = Schemas['MediaUpdateInputBody']
