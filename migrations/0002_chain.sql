-- +goose Up

-- The log is a hash chain: each event holds 8 bytes of SHA-256 over what comes
-- before it and itself, so that one comparison tells whether two logs are the same
-- up to an event, even when a backup was put back and written on.
ALTER TABLE blogs
    -- Of the newest event; zero before the first one.
    ADD COLUMN chain bytea NOT NULL DEFAULT '\x0000000000000000',
    -- Of the last event that was pruned.
    ADD COLUMN low_chain bytea NOT NULL DEFAULT '\x0000000000000000';
ALTER TABLE events ADD COLUMN chain bytea;

-- +goose StatementBegin
CREATE FUNCTION event_chain(before bytea, seq bigint, type text, post_id uuid, version bigint, at timestamptz)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT substring(sha256(before || int8send(seq) || convert_to(type, 'UTF8')
        || coalesce(uuid_send(post_id), '\x00000000000000000000000000000000') || int8send(version)
        || int8send((extract(epoch FROM at) * 1000000)::bigint)) FROM 1 FOR 8)
$$;
-- +goose StatementEnd

-- What was pruned before is in no chain: it begins with the first event that is left.
-- +goose StatementBegin
DO $$
DECLARE
    blog  uuid;
    ev    events;
    link  bytea;
BEGIN
    FOR blog IN SELECT id FROM blogs LOOP
        link := '\x0000000000000000';
        FOR ev IN SELECT * FROM events WHERE blog_id = blog ORDER BY seq LOOP
            link := event_chain(link, ev.seq, ev.type, ev.post_id, ev.version, ev.at);
            UPDATE events SET chain = link WHERE blog_id = blog AND seq = ev.seq;
        END LOOP;
        UPDATE blogs SET chain = link WHERE id = blog;
    END LOOP;
END $$;
-- +goose StatementEnd
ALTER TABLE events ALTER COLUMN chain SET NOT NULL;

-- A node of the version before writes events without a chain, while nodes of both
-- run: they get it here.
-- +goose StatementBegin
CREATE FUNCTION chain_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE blogs SET chain = event_chain(chain, NEW.seq, NEW.type, NEW.post_id, NEW.version, NEW.at)
    WHERE id = NEW.blog_id
    RETURNING chain INTO NEW.chain;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_chain BEFORE INSERT ON events
    FOR EACH ROW WHEN (NEW.chain IS NULL) EXECUTE FUNCTION chain_event();
