-- The logs of PubSub, one for each namespace: numbered in the order of commits, in partitions that are dropped. What is
-- said in queue/tables.sql and queue/log.sql holds here too; `@.` is the schema, `@name` its name.

CREATE TABLE pubsub_identity (identity bytea NOT NULL);
INSERT INTO pubsub_identity SELECT uuid_send(gen_random_uuid());

CREATE TABLE pubsub_space (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace bytea NOT NULL UNIQUE,
    span smallint NOT NULL,
    floor bigint NOT NULL DEFAULT 0  -- up to here messages are kept no longer
);

CREATE TABLE pubsub_log (
    span smallint NOT NULL,
    space int NOT NULL,
    seq bigint NOT NULL,  -- the time of publishing, made unique within the namespace
    upto bigint NOT NULL,
    size int NOT NULL,
    topic bytea NOT NULL,
    message_id text NOT NULL,
    attributes bytea,  -- a PubSubPublishRequest of nothing else
    payload bytea NOT NULL,
    PRIMARY KEY (space, seq, span)
) PARTITION BY RANGE (span, seq);

CREATE UNLOGGED TABLE pubsub_waiter (
    space int NOT NULL,
    listener bigint NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (space, listener)
);

CREATE FUNCTION @.pubsub_now() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

CREATE FUNCTION @.pubsub_width(span smallint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY[900000000, 21600000000, 604800000000, 7776000000000])[span]
$$;

-- Makes the partition of a time, where it is missing.
CREATE FUNCTION @.pubsub_partition(p_span smallint, p_at bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_width bigint := @.pubsub_width(p_span);
    v_slot bigint := p_at / v_width;
    v_name text := format('%I.%I', '@name', format('pubsub_log_%s_%s', p_span, v_slot));
BEGIN
    IF to_regclass(v_name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('prism.pubsub.partitions.@name', 0));
        -- Not by its name again: this lock does not make a session forget that there was none.
        IF NOT EXISTS (
            SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = '@name' AND c.relname = format('pubsub_log_%s_%s', p_span, v_slot)
        ) THEN
            EXECUTE format('CREATE TABLE %s (LIKE %I.pubsub_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name,
                '@name');
            EXECUTE format('ALTER TABLE %I.pubsub_log ATTACH PARTITION %s FOR VALUES FROM (%s, %s) TO (%s, %s)', '@name',
                v_name, p_span, v_slot * v_width, p_span, (v_slot + 1) * v_width);
        END IF;
    END IF;
END $$;

-- Makes the partitions of now and of soon for the spans that are used, and for p_span.
CREATE FUNCTION @.pubsub_partitions(p_span smallint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM @.pubsub_partition(s.span, s.at) FROM (
        SELECT t.span, at FROM (SELECT span FROM @.pubsub_space UNION SELECT p_span) AS t (span),
            unnest(ARRAY[@.pubsub_now(), @.pubsub_now() + 600000000]) AS at ORDER BY t.span, at
    ) AS s;
END $$;

-- The number of a namespace, made where it is missing.
CREATE FUNCTION @.pubsub_ensure(p_space bytea, p_span smallint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_number int;
BEGIN
    LOOP
        SELECT number INTO v_number FROM @.pubsub_space WHERE namespace = p_space;
        IF v_number IS NOT NULL THEN
            RETURN v_number;
        END IF;
        INSERT INTO @.pubsub_space (namespace, span) VALUES (p_space, p_span) ON CONFLICT (namespace) DO NOTHING;
    END LOOP;
END $$;

-- Appends what has gathered in an instance. At p_most bytes the oldest of a namespace go, a sixteenth at once.
CREATE FUNCTION @.pubsub_publish(
    p_spaces bytea[], p_of int[], p_topics bytea[], p_ids text[], p_attributes bytea[], p_payloads bytea[], p_sizes int[],
    p_span smallint, p_most bigint, p_listener bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_each record;
    v_space @.pubsub_space;
    v_last record;
    v_first record;
    v_base bigint;
BEGIN
    FOR v_each IN
        SELECT * FROM (
            SELECT a.i, @.pubsub_ensure(a.space, p_span) AS number FROM unnest(p_spaces) WITH ORDINALITY AS a (space, i)
            OFFSET 0
        ) AS found ORDER BY number
    LOOP
        PERFORM pg_advisory_xact_lock(hashtext('prism.pubsub.space.@name'), v_each.number);
        SELECT * INTO v_space FROM @.pubsub_space WHERE number = v_each.number;
        SELECT seq, upto INTO v_last FROM @.pubsub_log
        WHERE span = v_space.span AND space = v_space.number ORDER BY seq DESC LIMIT 1;
        v_base := greatest(@.pubsub_now() - 1, v_last.seq, v_space.floor);
        INSERT INTO @.pubsub_log (span, space, seq, upto, size, topic, message_id, attributes, payload)
        SELECT v_space.span, v_space.number, v_base + row_number() OVER (ORDER BY m.n),
            coalesce(v_last.upto, 0) + sum(m.size) OVER (ORDER BY m.n), m.size, m.topic, m.id, m.attributes, m.payload
        FROM unnest(p_of, p_topics, p_ids, p_attributes, p_payloads, p_sizes) WITH ORDINALITY
            AS m (which, topic, id, attributes, payload, size, n)
        WHERE m.which = v_each.i;
        IF p_most > 0 THEN
            SELECT seq, upto INTO v_last FROM @.pubsub_log
            WHERE span = v_space.span AND space = v_space.number ORDER BY seq DESC LIMIT 1;
            SELECT upto, size INTO v_first FROM @.pubsub_log
            WHERE span = v_space.span AND space = v_space.number AND seq > v_space.floor ORDER BY seq LIMIT 1;
            IF v_last.upto - v_first.upto + v_first.size > p_most THEN
                UPDATE @.pubsub_space SET floor = (
                    SELECT least(seq, v_last.seq - 1) FROM @.pubsub_log
                    WHERE span = v_space.span AND space = v_space.number AND seq > v_space.floor
                        AND upto >= v_last.upto - p_most + p_most / 16 ORDER BY seq LIMIT 1)
                WHERE number = v_space.number;
            END IF;
        END IF;
        IF EXISTS (SELECT FROM @.pubsub_waiter
                   WHERE space = v_space.number AND listener <> p_listener AND until > @.pubsub_now()) THEN
            PERFORM pg_notify('prism.pubsub.' || hashtext('@name'), (-v_space.number)::text);
        END IF;
    END LOOP;
END $$;

-- Where the log of a namespace begins and ends: (identity, floor, end).
CREATE FUNCTION @.pubsub_bounds(p_space bytea, OUT identity bytea, OUT low bigint, OUT high bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_space @.pubsub_space;
BEGIN
    identity := (SELECT i.identity FROM @.pubsub_identity AS i);
    SELECT * INTO v_space FROM @.pubsub_space WHERE namespace = p_space;
    low := coalesce(v_space.floor, 0);
    high := coalesce((
        SELECT seq FROM @.pubsub_log WHERE span = v_space.span AND space = v_space.number ORDER BY seq DESC LIMIT 1
    ), low);
    high := greatest(high, low);
END $$;

-- Messages behind a place, and not many more bytes than p_bytes.
CREATE FUNCTION @.pubsub_read(p_space bytea, p_after bigint, p_limit int, p_bytes bigint)
RETURNS TABLE (seq bigint, topic bytea, message_id text, attributes bytea, payload bytea) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_space @.pubsub_space;
BEGIN
    SELECT * INTO v_space FROM @.pubsub_space WHERE namespace = p_space;
    RETURN QUERY SELECT f.seq, f.topic, f.message_id, f.attributes, f.payload FROM (
        SELECT l.seq, l.topic, l.message_id, l.attributes, l.payload, row_number() OVER (ORDER BY l.seq) AS n,
            sum(l.size) OVER (ORDER BY l.seq) AS so_far
        FROM @.pubsub_log AS l
        WHERE l.span = v_space.span AND l.space = v_space.number AND l.seq > greatest(p_after, v_space.floor)
        ORDER BY l.seq LIMIT p_limit
    ) AS f WHERE f.n = 1 OR f.so_far <= p_bytes ORDER BY f.seq;
END $$;

-- The number of the last message before a time; NULL where nothing was published then or later.
CREATE FUNCTION @.pubsub_before(p_space bytea, p_time bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_space @.pubsub_space;
BEGIN
    SELECT * INTO v_space FROM @.pubsub_space WHERE namespace = p_space;
    RETURN (
        SELECT seq - 1 FROM @.pubsub_log WHERE span = v_space.span AND space = v_space.number AND seq >= p_time
        ORDER BY seq LIMIT 1);
END $$;

-- Moves the floor over what was kept for p_retention, and drops partitions in which nothing is left above it.
CREATE FUNCTION @.pubsub_outlived(p_retention bigint) RETURNS TABLE (span smallint, slot bigint) LANGUAGE plpgsql AS $$
DECLARE
    v_space @.pubsub_space;
    v_floor bigint;
    v_part record;
    v_low bigint;
    v_high bigint;
BEGIN
    FOR v_space IN SELECT * FROM @.pubsub_space LOOP
        SELECT l.seq INTO v_floor FROM @.pubsub_log AS l
        WHERE l.span = v_space.span AND l.space = v_space.number AND l.seq > v_space.floor
            AND l.seq <= @.pubsub_now() - p_retention ORDER BY l.seq DESC LIMIT 1;
        IF v_floor IS NOT NULL THEN
            UPDATE @.pubsub_space SET floor = greatest(floor, v_floor) WHERE number = v_space.number;
        END IF;
    END LOOP;
    FOR v_part IN
        SELECT split_part(c.relname, '_', 3)::smallint AS span, split_part(c.relname, '_', 4)::bigint AS slot
        FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = '@.pubsub_log'::regclass
    LOOP
        v_low := v_part.slot * @.pubsub_width(v_part.span);
        v_high := v_low + @.pubsub_width(v_part.span);
        IF v_high < @.pubsub_now() AND NOT EXISTS (
            SELECT FROM @.pubsub_space AS s, LATERAL (
                SELECT FROM @.pubsub_log AS l WHERE l.span = v_part.span AND l.space = s.number
                    AND l.seq > greatest(s.floor, v_low - 1) AND l.seq < v_high LIMIT 1
            ) AS kept WHERE s.span = v_part.span)
        THEN
            span := v_part.span;
            slot := v_part.slot;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- Drops a partition whose messages are below the floor of their namespaces.
CREATE FUNCTION @.pubsub_drop(p_span smallint, p_slot bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF (p_slot + 1) * @.pubsub_width(p_span) >= @.pubsub_now() THEN
        RAISE EXCEPTION 'partition % of span % is in use', p_slot, p_span;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', '@name', format('pubsub_log_%s_%s', p_span, p_slot));
END $$;

-- Notes who waits for which namespaces, and answers how far each is.
CREATE FUNCTION @.pubsub_watch(p_spaces bytea[], p_span smallint, p_listener bigint, p_listens bool)
RETURNS TABLE (n int, number int, change text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF p_listens THEN
        INSERT INTO @.pubsub_waiter AS w (space, listener, until)
        SELECT @.pubsub_ensure(m.space, p_span), p_listener, @.pubsub_now() + 30000000 FROM unnest(p_spaces) AS m (space)
        ON CONFLICT (space, listener) DO UPDATE SET until = excluded.until
        WHERE w.until < @.pubsub_now() + 15000000;
    END IF;
    RETURN QUERY SELECT m.n::int, s.number, concat_ws(' ', s.floor, (
        SELECT l.seq FROM @.pubsub_log AS l WHERE l.span = s.span AND l.space = s.number ORDER BY l.seq DESC LIMIT 1))
    FROM unnest(p_spaces) WITH ORDINALITY AS m (space, n) JOIN @.pubsub_space AS s ON s.namespace = m.space;
END $$;
