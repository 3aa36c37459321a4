-- +goose Up

-- Texts whose HTML an older renderer made are rendered anew. An index finds them in
-- batches. The default is the first version: nodes of the release before this one
-- store their HTML without it.

ALTER TABLE blogs ADD COLUMN summary_render_version int NOT NULL DEFAULT 1;

CREATE INDEX posts_render_version ON posts (render_version, id);
CREATE INDEX blogs_render_version ON blogs (summary_render_version, id);
