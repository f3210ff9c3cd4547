-- What Transact keeps: mailboxes, their readers, and what was written under a key. Names and keys are bytea, as
-- elsewhere; times are microseconds since 1970. The messages of a shard are numbered by a sequence while the shard is
-- locked, and the lock is held until the commit is seen by all: so they rise in the order of commits.

CREATE SEQUENCE mailbox_sequence AS bigint;

CREATE TABLE mailbox (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace bytea NOT NULL,
    name bytea NOT NULL,
    shards int NOT NULL,
    retention bigint NOT NULL,
    max_backlog bigint NOT NULL,
    UNIQUE (namespace, name)
);

-- Up to `floor` the messages were swept; so many they were, as far as they were counted.
CREATE TABLE mailbox_shard (
    mailbox int NOT NULL,
    shard int NOT NULL,
    floor bigint NOT NULL DEFAULT 0,
    floor_n bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (mailbox, shard)
);

CREATE TABLE mailbox_message (
    mailbox int NOT NULL,
    shard int NOT NULL,
    seq bigint NOT NULL,
    n bigint,  -- counts the messages of the shard, for the backlog; NULL where a snapshot did not show the one before:
               -- the next one that has a number counts those in between
    written_at bigint NOT NULL,
    message_id text NOT NULL,
    ordering_key bytea,
    trace text,
    attributes bytea,  -- a TransactMessage of nothing else
    payload bytea NOT NULL,
    PRIMARY KEY (mailbox, shard, seq)
);

CREATE INDEX mailbox_uncounted ON mailbox_message (mailbox, shard, seq) WHERE n IS NULL;

CREATE TABLE mailbox_reader (
    mailbox int NOT NULL,
    name bytea NOT NULL,
    holder text NOT NULL DEFAULT '',
    until bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (mailbox, name)
) WITH (fillfactor = 50);

CREATE TABLE mailbox_position (
    mailbox int NOT NULL,
    shard int NOT NULL,
    reader bytea NOT NULL,
    position bigint NOT NULL,
    n bigint NOT NULL,  -- of the message there
    PRIMARY KEY (mailbox, shard, reader)
) WITH (fillfactor = 50);

CREATE TABLE mailbox_dead (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mailbox int NOT NULL,
    reader bytea NOT NULL,
    shard int NOT NULL,
    reason bytea NOT NULL,
    dead_at bigint NOT NULL,
    redriven bool NOT NULL DEFAULT false,
    seq bigint NOT NULL,
    written_at bigint NOT NULL,
    message_id text NOT NULL,
    ordering_key bytea,
    trace text,
    attributes bytea,
    payload bytea NOT NULL
);
CREATE INDEX mailbox_dead_reader ON mailbox_dead (mailbox, reader, number);

CREATE TABLE transact_idempotency (
    namespace bytea NOT NULL,
    key bytea NOT NULL,
    until bigint NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    PRIMARY KEY (namespace, key)
);
CREATE INDEX transact_idempotency_age ON transact_idempotency (until);

-- Who waits for a mailbox elsewhere, and is to be told of a change.
CREATE UNLOGGED TABLE mailbox_waiter (
    mailbox int NOT NULL,
    listener bigint NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (mailbox, listener)
);

ALTER TABLE mailbox_message SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0);

CREATE FUNCTION @.mailbox_now() RETURNS bigint LANGUAGE sql AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- What was written under a key, where anything was: the key is locked until the transaction ends.
CREATE FUNCTION @.transact_recall(
    p_space bytea, p_key bytea, OUT fingerprint bytea, OUT answer bytea
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('prism.transact.key.@name.' || encode(p_space, 'hex'),
        hashtext(encode(p_key, 'hex'))));
    SELECT i.fingerprint, i.answer INTO fingerprint, answer
    FROM @.transact_idempotency AS i WHERE i.namespace = p_space AND i.key = p_key AND i.until > @.mailbox_now();
END $$;

-- How many messages a shard has had, up to one of them; NULL for all.
CREATE FUNCTION @.mailbox_count(p_box int, p_shard int, p_seq bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_seq bigint;
    v_n bigint;
    v_end bigint := coalesce(p_seq, 9223372036854775807);
BEGIN
    SELECT m.seq, m.n INTO v_seq, v_n FROM @.mailbox_message AS m
    WHERE m.mailbox = p_box AND m.shard = p_shard AND m.seq <= v_end AND m.n IS NOT NULL ORDER BY m.seq DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT s.floor, s.floor_n INTO v_seq, v_n FROM @.mailbox_shard AS s
        WHERE s.mailbox = p_box AND s.shard = p_shard;
    END IF;
    RETURN v_n + (SELECT count(*) FROM @.mailbox_message AS m
        WHERE m.mailbox = p_box AND m.shard = p_shard AND m.n IS NULL AND m.seq > v_seq AND m.seq <= v_end);
END $$;

-- How many messages wait for the slowest reader, or are kept where there is none.
CREATE FUNCTION @.mailbox_backlog(p_box int) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT sum(greatest(0, @.mailbox_count(s.mailbox, s.shard, NULL)
        - greatest(s.floor_n, coalesce(
            (SELECT min(p.n) FROM @.mailbox_position AS p WHERE p.mailbox = s.mailbox AND p.shard = s.shard), 0))))::bigint
    FROM @.mailbox_shard AS s WHERE s.mailbox = p_box
$$;

-- Adds messages as the last thing that a transaction does. Their sequences.
CREATE FUNCTION @.mailbox_append(
    p_boxes int[], p_shards int[], p_ids text[], p_keys bytea[], p_traces text[], p_attributes bytea[],
    p_payloads bytea[], p_counts bool
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_seqs bigint[] := '{}';
    v_seq bigint;
    v_n bigint;
    v_now bigint := @.mailbox_now();
    v_each record;
BEGIN
    -- The backlog first: it looks at all shards, and a lock makes it exact for those that are written.
    FOR v_each IN SELECT DISTINCT u.box, u.shard FROM unnest(p_boxes, p_shards) AS u (box, shard) ORDER BY 1, 2 LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended('prism.mailbox.@name', v_each.box::bigint * 1024 + v_each.shard));
    END LOOP;
    IF p_counts THEN
        FOR v_each IN
            SELECT b.name, b.max_backlog, u.more, @.mailbox_backlog(b.number) AS waiting
            FROM (SELECT v.box, count(*) AS more FROM unnest(p_boxes) AS v (box) GROUP BY v.box) AS u
            JOIN @.mailbox AS b ON b.number = u.box WHERE b.max_backlog > 0
        LOOP
            IF v_each.waiting + v_each.more > v_each.max_backlog THEN
                RAISE EXCEPTION 'full' USING ERRCODE = 'PRM01', DETAIL = v_each.waiting || ' ' || encode(v_each.name, 'hex');
            END IF;
        END LOOP;
    END IF;
    FOR i IN 1 .. coalesce(array_length(p_boxes, 1), 0) LOOP
        v_seq := nextval('@.mailbox_sequence');
        v_n := NULL;
        IF p_counts THEN
            v_n := @.mailbox_count(p_boxes[i], p_shards[i], NULL) + 1;
        END IF;
        INSERT INTO @.mailbox_message (mailbox, shard, seq, n, written_at, message_id, ordering_key, trace, attributes,
            payload)
        VALUES (p_boxes[i], p_shards[i], v_seq, v_n, v_now, p_ids[i], p_keys[i], p_traces[i], p_attributes[i],
            p_payloads[i]);
        v_seqs := v_seqs || v_seq;
    END LOOP;
    RETURN v_seqs;
END $$;
