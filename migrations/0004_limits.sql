-- +goose Up

-- Lists: each is read from an index in its own order, up to its limit and no
-- further, whatever the size of the blog.

CREATE INDEX posts_published ON posts (blog_id, position DESC) WHERE status = 'published';

CREATE INDEX posts_by_status ON posts (blog_id, status, updated_at DESC, id DESC) WHERE status IN ('draft', 'submitted', 'removed');
DROP INDEX posts_unpublished;

CREATE INDEX blogs_newest ON blogs (created_at DESC, id DESC);
CREATE INDEX blogs_by_status ON blogs (status, created_at DESC, id DESC);
CREATE INDEX blogs_listed ON blogs (created_at DESC, id DESC) WHERE status <> 'draft' AND NOT unlisted;
CREATE INDEX blogs_listed_by_status ON blogs (status, created_at DESC, id DESC) WHERE status <> 'draft' AND NOT unlisted;

-- The published posts of each tag in the order of the timeline: an index of the
-- array could not give that order, and anybody can ask for any tag. A trigger
-- keeps it, so that nodes of both versions may write during an upgrade.
CREATE TABLE post_tags (
    blog_id   uuid NOT NULL,
    tag       text NOT NULL,
    position  bigint NOT NULL,
    post_id   uuid NOT NULL,
    key_event boolean NOT NULL,
    PRIMARY KEY (blog_id, tag, position)
);
CREATE INDEX post_tags_key_events ON post_tags (blog_id, tag, position) WHERE key_event;

-- +goose StatementBegin
CREATE FUNCTION keep_post_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM post_tags WHERE blog_id = OLD.blog_id AND tag = ANY (OLD.tags) AND position = OLD.position;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO post_tags (blog_id, tag, position, post_id, key_event)
        SELECT DISTINCT NEW.blog_id, tag, NEW.position, NEW.id, NEW.key_event FROM unnest(NEW.tags) AS tag
        WHERE NEW.status = 'published' AND NEW.position IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER post_tags_insert AFTER INSERT ON posts FOR EACH ROW
    WHEN (NEW.tags <> '{}' AND NEW.status = 'published') EXECUTE FUNCTION keep_post_tags();
CREATE TRIGGER post_tags_update AFTER UPDATE ON posts FOR EACH ROW
    WHEN ((OLD.tags <> '{}' OR NEW.tags <> '{}') AND (OLD.tags, OLD.status, OLD.position, OLD.key_event)
        IS DISTINCT FROM (NEW.tags, NEW.status, NEW.position, NEW.key_event)) EXECUTE FUNCTION keep_post_tags();
CREATE TRIGGER post_tags_delete AFTER DELETE ON posts FOR EACH ROW
    WHEN (OLD.tags <> '{}') EXECUTE FUNCTION keep_post_tags();

INSERT INTO post_tags (blog_id, tag, position, post_id, key_event)
SELECT DISTINCT p.blog_id, tag, p.position, p.id, p.key_event
FROM posts p, unnest(p.tags) AS tag
WHERE p.status = 'published' AND p.position IS NOT NULL;
