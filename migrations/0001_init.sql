-- +goose Up

-- People, programs and their sign-in state.

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    name          text NOT NULL,
    password_hash text NOT NULL,
    role          text NOT NULL CHECK (role IN ('admin', 'editor', 'contributor', 'viewer')),
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- A session is one family of refresh tokens: generation n was issued by the
-- n-th rotation, and a use of an older one revokes the session.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users,
    generation bigint NOT NULL DEFAULT 1,
    rotated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    user_agent text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE revoked_at IS NULL;

CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    secret     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);

-- Single-use links that create the first user.
CREATE TABLE setup_tokens (
    hash       bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    claimed_at timestamptz
);

-- Failed sign-ins, counted per key: an account, an address or a known device.
CREATE TABLE login_failures (
    key          text PRIMARY KEY,
    failures     int NOT NULL,
    window_start timestamptz NOT NULL
);

-- Blogs, posts and the event log.

CREATE TABLE blogs (
    id             uuid PRIMARY KEY,
    slug           text NOT NULL UNIQUE,
    title          text NOT NULL,
    summary        text NOT NULL DEFAULT '',
    summary_html   text NOT NULL DEFAULT '',
    status         text NOT NULL CHECK (status IN ('draft', 'live', 'ended')),
    language       text NOT NULL DEFAULT 'en',
    unlisted       boolean NOT NULL DEFAULT false,
    pinned_post_id uuid,
    version        bigint NOT NULL DEFAULT 1,
    -- The log: every transaction that changes what readers see takes the next
    -- number here and holds the row to its commit, so that numbers are gapless
    -- and become visible in order.
    epoch          text NOT NULL DEFAULT encode(substring(uuid_send(gen_random_uuid()) from 1 for 6), 'hex'),
    last_seq       bigint NOT NULL DEFAULT 0,
    low_seq        bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    ended_at       timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE members (
    blog_id uuid NOT NULL REFERENCES blogs,
    user_id uuid NOT NULL REFERENCES users,
    role    text NOT NULL CHECK (role IN ('editor', 'contributor', 'viewer')),
    PRIMARY KEY (blog_id, user_id)
);

CREATE TABLE api_tokens (
    id           text PRIMARY KEY,
    name         text NOT NULL,
    hash         bytea NOT NULL,
    scopes       text[] NOT NULL,
    blog_id      uuid REFERENCES blogs,
    created_by   uuid REFERENCES users,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE TABLE posts (
    id             uuid PRIMARY KEY,
    blog_id        uuid NOT NULL REFERENCES blogs,
    status         text NOT NULL CHECK (status IN ('draft', 'submitted', 'published', 'removed')),
    version        bigint NOT NULL,
    -- The seq of the event that first published the post: its place in the
    -- timeline, and what pages of older posts continue from.
    position       bigint,
    title          text NOT NULL DEFAULT '',
    body           text NOT NULL DEFAULT '',
    html           text NOT NULL DEFAULT '',
    text           text NOT NULL DEFAULT '',
    render_version int NOT NULL DEFAULT 1,
    byline         text NOT NULL DEFAULT '',
    tags           text[] NOT NULL DEFAULT '{}',
    key_event      boolean NOT NULL DEFAULT false,
    external_id    text,
    author_id      uuid REFERENCES users,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    published_at   timestamptz,
    edited_at      timestamptz,
    UNIQUE (blog_id, external_id)
);
CREATE UNIQUE INDEX posts_timeline ON posts (blog_id, position DESC) WHERE position IS NOT NULL;
CREATE INDEX posts_key_events ON posts (blog_id, position DESC) WHERE key_event AND status = 'published';
CREATE INDEX posts_unpublished ON posts (blog_id, updated_at DESC) WHERE status IN ('draft', 'submitted', 'removed');

ALTER TABLE blogs ADD FOREIGN KEY (pinned_post_id) REFERENCES posts;

CREATE TABLE revisions (
    post_id   uuid NOT NULL REFERENCES posts,
    version   bigint NOT NULL,
    status    text NOT NULL,
    title     text NOT NULL,
    body      text NOT NULL,
    html      text NOT NULL,
    byline    text NOT NULL,
    tags      text[] NOT NULL,
    key_event boolean NOT NULL,
    editor_id uuid REFERENCES users,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (post_id, version)
);

CREATE TABLE events (
    blog_id uuid NOT NULL REFERENCES blogs,
    seq     bigint NOT NULL CHECK (seq > 0),
    type    text NOT NULL CHECK (type IN ('post', 'update', 'delete', 'blog')),
    post_id uuid REFERENCES posts,
    version bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (blog_id, seq),
    CHECK ((type = 'blog') = (post_id IS NULL))
);

-- What a request with an Idempotency-Key answered, kept for a day. The row is
-- written in the transaction that does the work.
CREATE TABLE idempotency_keys (
    principal    text NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    result       jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Images.

CREATE TABLE media (
    id         uuid PRIMARY KEY,
    alt        text NOT NULL DEFAULT '',
    caption    text NOT NULL DEFAULT '',
    credit     text NOT NULL DEFAULT '',
    width      int NOT NULL,
    height     int NOT NULL,
    color      text NOT NULL,
    variants   jsonb NOT NULL,
    created_by uuid REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE media_blobs (
    key  text PRIMARY KEY,
    type text NOT NULL,
    data bytea NOT NULL
);
ALTER TABLE media_blobs ALTER COLUMN data SET STORAGE EXTERNAL;

-- Views: their own tables, so that a flush never waits for a blog's row.

CREATE TABLE post_views (
    post_id    uuid PRIMARY KEY REFERENCES posts,
    blog_id    uuid NOT NULL REFERENCES blogs,
    views      bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
CREATE INDEX post_views_blog ON post_views (blog_id);

-- Open streams of each node; rows older than a few seconds are of dead nodes.
CREATE UNLOGGED TABLE node_readers (
    node_id uuid NOT NULL,
    blog_id uuid NOT NULL,
    readers bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (blog_id, node_id)
);

-- Who did what. Rows are added in the transaction that does it, and never change.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    principal  text NOT NULL,
    action     text NOT NULL,
    object     text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    request_id text NOT NULL DEFAULT '',
    address    text NOT NULL DEFAULT ''
);

-- Which database this is: a change means that the history may be another one.
CREATE TABLE cluster_identity (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    system_id     text NOT NULL,
    timeline      text NOT NULL,
    events_oid    bigint NOT NULL
);
