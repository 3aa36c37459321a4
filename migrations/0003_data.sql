-- +goose Up

-- Views: a first view must not wait for whoever holds the row of a blog or of a
-- post, and a reference takes a lock on it. Posts and blogs are never deleted.

ALTER TABLE post_views DROP CONSTRAINT post_views_post_id_fkey, DROP CONSTRAINT post_views_blog_id_fkey;
CREATE INDEX post_views_changed ON post_views (updated_at);

-- The nodes that live, or did a moment ago. While a node is here, what it said of
-- its readers stands, however long ago.
CREATE UNLOGGED TABLE nodes (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Wrong passwords: each makes the next attempt wait longer. window_start is what
-- nodes of versions before this one go by.

ALTER TABLE login_failures ADD COLUMN tried_at timestamptz NOT NULL DEFAULT clock_timestamp();
ALTER TABLE login_failures ALTER COLUMN window_start SET DEFAULT now();

-- When nodes cleaned up last: one of them does, for all.

CREATE TABLE upkeep (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    at  timestamptz NOT NULL
);

-- Pictures belong to a blog, whose editors may change their texts, and to who
-- uploaded them. Those that a token of one blog uploaded are that blog's.

ALTER TABLE media ADD COLUMN blog_id uuid REFERENCES blogs;
UPDATE media m SET blog_id = t.blog_id
FROM audit a JOIN api_tokens t ON a.principal = 'token:' || t.id
WHERE a.action = 'media.create' AND a.object = m.id::text AND t.blog_id IS NOT NULL;

-- Retention.

CREATE INDEX audit_addresses ON audit (at) WHERE address <> '';
CREATE INDEX posts_removed ON posts (updated_at) WHERE status = 'removed';
-- Since when each search for the pictures that texts name has not found this one.
ALTER TABLE media ADD COLUMN unused_since timestamptz;
CREATE INDEX media_unused ON media (unused_since) WHERE unused_since IS NOT NULL;
ALTER TABLE upkeep ADD COLUMN media_at timestamptz;
