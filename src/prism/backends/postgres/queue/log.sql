-- The log: its partitions, and what is written to it. `@.` is the schema, `@name` its name.

CREATE FUNCTION @.queue_now() RETURNS bigint LANGUAGE sql VOLATILE
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- An id says where its message is, so that no index is needed to find it.
CREATE FUNCTION @.queue_id(topic int, seq bigint) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT to_hex(topic) || '-' || to_hex(seq) $$;

-- Topics whose messages stay for a similar time share partitions: one that lasts for years pins no other's.
CREATE FUNCTION @.queue_span(retention bigint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE WHEN retention <= 3600000000 THEN 1 WHEN retention <= 172800000000 THEN 2
            WHEN retention <= 5184000000000 THEN 3 ELSE 4 END)::smallint
$$;
CREATE FUNCTION @.queue_width(span smallint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY[900000000, 21600000000, 604800000000, 7776000000000])[span]
$$;

-- Makes the partitions of a time, where they are missing; attached, not made as such, which would wait for every reader.
CREATE FUNCTION @.queue_partition(p_span smallint, p_at bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_width bigint := @.queue_width(p_span);
    v_slot bigint := p_at / v_width;
    v_table text;
    v_name text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['queue_log', 'queue_entry'] LOOP
        v_name := format('%I.%I', '@name', format('%s_%s_%s', v_table, p_span, v_slot));
        IF to_regclass(v_name) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('prism.queue.partitions.@name', 0));
            -- Not by its name again: this lock does not make a session forget that there was none.
            IF NOT EXISTS (
                SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = '@name' AND c.relname = format('%s_%s_%s', v_table, p_span, v_slot)
            ) THEN
                EXECUTE format('CREATE TABLE %s (LIKE %I.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name,
                    '@name', v_table);
                EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %s FOR VALUES FROM (%s, %s) TO (%s, %s)',
                    '@name', v_table, v_name, p_span, v_slot * v_width, p_span, (v_slot + 1) * v_width);
            END IF;
        END IF;
    END LOOP;
END $$;

-- Makes the partitions of now and of soon for every span that has topics, and for those that make themselves.
CREATE FUNCTION @.queue_partitions() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM @.queue_partition(s.span, s.at) FROM (
        SELECT t.span, at
        FROM (SELECT span FROM @.queue_topic UNION SELECT @.queue_span(86400000000)) AS t (span),
            unnest(ARRAY[@.queue_now(), @.queue_now() + 600000000]) AS at ORDER BY t.span, at
    ) AS s;
END $$;

-- Partitions whose time is over, and what is left in them that is not: (span, slot).
CREATE FUNCTION @.queue_outlived() RETURNS TABLE (span smallint, slot bigint) LANGUAGE plpgsql AS $$
DECLARE
    v_part record;
    v_left bool;
    v_low bigint;
    v_high bigint;
    v_now bigint := @.queue_now();
BEGIN
    FOR v_part IN
        SELECT split_part(c.relname, '_', 3)::smallint AS span, split_part(c.relname, '_', 4)::bigint AS slot
        FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = '@.queue_log'::regclass
    LOOP
        v_low := v_part.slot * @.queue_width(v_part.span);
        v_high := v_low + @.queue_width(v_part.span);
        CONTINUE WHEN v_high + (
            SELECT coalesce(max(retention), 0) FROM @.queue_topic AS t WHERE t.span = v_part.span) > v_now;
        SELECT EXISTS (
            SELECT FROM @.queue_log AS l JOIN @.queue_topic AS t ON t.number = l.topic
            WHERE l.span = v_part.span AND l.seq >= v_low AND l.seq < v_high
                AND l.due_at + least(coalesce(l.ttl, t.retention), t.retention) > v_now
        ) OR EXISTS (
            SELECT FROM @.queue_entry AS e JOIN @.queue_group AS g ON g.number = e.grp
            WHERE e.span = v_part.span AND e.seq >= v_low AND e.seq < v_high AND e.state IN (1, 3)
        ) OR EXISTS (
            SELECT FROM @.queue_group AS g JOIN @.queue_topic AS t ON t.number = g.topic, LATERAL (
                SELECT p.cursor FROM @.queue_progress AS p WHERE p.grp = g.number ORDER BY p.n DESC LIMIT 1) AS p
            WHERE t.span = v_part.span AND p.cursor < v_high AND EXISTS (
                SELECT FROM @.queue_log AS l WHERE l.span = v_part.span AND l.topic = t.number AND l.seq > p.cursor
                    AND l.seq < v_high)
        ) INTO v_left;
        IF NOT v_left THEN
            span := v_part.span;
            slot := v_part.slot;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- Drops the partitions of a slot. Publishers wait while this waits for a reader, so it does not wait for long.
CREATE FUNCTION @.queue_drop(p_span smallint, p_slot bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF (p_slot + 1) * @.queue_width(p_span) >= @.queue_now() THEN
        RAISE EXCEPTION 'partition % of span % is in use', p_slot, p_span;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', '@name', format('queue_log_%s_%s', p_span, p_slot));
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', '@name', format('queue_entry_%s_%s', p_span, p_slot));
END $$;

-- The number of a topic, made where it may be; NULL where it is missing.
CREATE FUNCTION @.queue_ensure_topic(p_space bytea, p_name bytea, p_create bool) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_number int;
BEGIN
    LOOP
        SELECT number INTO v_number FROM @.queue_topic WHERE namespace = p_space AND name = p_name;
        IF v_number IS NOT NULL OR NOT p_create THEN
            RETURN v_number;
        END IF;
        INSERT INTO @.queue_topic (namespace, name, span, partitions, until_acknowledged, retention, max_bytes)
        VALUES (p_space, p_name, @.queue_span(86400000000), 1, false, 86400000000, 0)
        ON CONFLICT (namespace, name) DO NOTHING;
    END LOOP;
END $$;

-- A topic, locked until the end of the transaction; all NULL where it is gone. Locks are taken in this order: groups,
-- idempotency keys, topics, each in the order of their numbers.
CREATE FUNCTION @.queue_lock_topic(p_number int) RETURNS @.queue_topic LANGUAGE plpgsql AS $$
DECLARE
    v_topic @.queue_topic;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('prism.queue.topic.@name'), p_number);
    SELECT * INTO v_topic FROM @.queue_topic WHERE number = p_number;
    RETURN v_topic;
END $$;

-- Tells those who wait for a topic elsewhere that there is something for one of them; below zero: for all to know.
CREATE FUNCTION @.queue_tell(p_topic int, p_listener bigint, p_all bool DEFAULT false) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM @.queue_waiter
               WHERE topic = p_topic AND listener <> p_listener AND until > @.queue_now()) THEN
        PERFORM pg_notify('prism.queue.' || hashtext('@name'), CASE WHEN p_all THEN -p_topic ELSE p_topic END::text);
    END IF;
END $$;

-- Appends to a locked topic those of the messages that are its own (p_of = p_which) and have no status; answers the
-- number before the first.
CREATE FUNCTION @.queue_append(
    p_topic @.queue_topic, p_which int, p_of int[], p_status int[], p_payloads bytea[], p_attributes bytea[],
    p_keys bytea[], p_delays bigint[], p_due bigint[], p_ttls bigint[], p_sizes int[], p_traces text[],
    p_group int DEFAULT NULL, p_ids text[] DEFAULT NULL, p_published bigint[] DEFAULT NULL, p_shown bytea[] DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_now bigint := @.queue_now();
    v_last bigint;
    v_upto bigint;
    v_base bigint;
    v_end bigint;
    v_first record;
BEGIN
    SELECT seq, upto INTO v_last, v_upto FROM @.queue_log
    WHERE span = p_topic.span AND topic = p_topic.number ORDER BY seq DESC LIMIT 1;
    v_base := greatest(v_now - 1, v_last, p_topic.floor);
    INSERT INTO @.queue_log (span, topic, seq, upto, size, due_at, ttl, key, grp, message_id, published_at, shown_key,
        trace, attributes, payload)
    SELECT p_topic.span, p_topic.number, v_base + row_number() OVER (ORDER BY m.n),
        coalesce(v_upto, 0) + sum(m.size) OVER (ORDER BY m.n), m.size,
        CASE WHEN greatest(m.due, v_now + m.delay) > v_now THEN greatest(m.due, v_now + m.delay) END,
        m.ttl, m.key, p_group, m.id, m.published, m.shown, m.trace, m.attributes, m.payload
    FROM unnest(p_of, p_status, p_payloads, p_attributes, p_keys, p_delays, p_due, p_ttls, p_sizes, p_traces, p_ids,
            p_published, p_shown)
        WITH ORDINALITY AS m (topic, status, payload, attributes, key, delay, due, ttl, size, trace, id, published,
            shown, n)
    WHERE m.topic = p_which AND coalesce(m.status, 0) = 0;
    IF p_topic.max_bytes > 0 AND NOT p_topic.until_acknowledged THEN
        SELECT seq, upto INTO v_end, v_upto FROM @.queue_log
        WHERE span = p_topic.span AND topic = p_topic.number ORDER BY seq DESC LIMIT 1;
        SELECT upto, size INTO v_first FROM @.queue_log
        WHERE span = p_topic.span AND topic = p_topic.number AND seq > p_topic.floor ORDER BY seq LIMIT 1;
        IF v_upto - v_first.upto + v_first.size > p_topic.max_bytes THEN
            UPDATE @.queue_topic SET floor = (
                SELECT least(seq, v_end - 1) FROM @.queue_log
                WHERE span = p_topic.span AND topic = p_topic.number AND seq > p_topic.floor
                    AND upto >= v_upto - p_topic.max_bytes ORDER BY seq LIMIT 1)
            WHERE number = p_topic.number;
        END IF;
    END IF;
    RETURN v_base;
END $$;

-- Publishes for an instance what has gathered there, each message or, with p_atomic, all. Answers (0, topic, number,
-- base) for each topic: its messages without a status are base + 1, base + 2, and so on; and (status, message, .., ids)
-- for each of the others: 1 it was published before, 2 its key was used for something else, 3 the topic is missing,
-- 4 the topic is full, 5 the topic was deleted meanwhile.
CREATE FUNCTION @.queue_publish(
    p_spaces bytea[], p_names bytea[], p_create bool[], p_of int[], p_payloads bytea[], p_attributes bytea[],
    p_keys bytea[], p_delays bigint[], p_due bigint[], p_ttls bigint[], p_sizes int[], p_traces text[],
    p_once bytea[], p_prints bytea[], p_window bigint, p_atomic bool, p_listener bigint
) RETURNS TABLE (kind int, n int, number int, seq bigint, ids text[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := @.queue_now();
    v_status int[] := NULL;
    v_each record;
    v_topic @.queue_topic;
    v_print bytea;
    v_base bigint;
    v_used bigint;
BEGIN
    IF p_once IS NOT NULL THEN
        v_status := array_fill(0, ARRAY[cardinality(p_of)]);
        FOR v_each IN
            SELECT m.n, m.key, m.print, p_spaces[m.topic] AS space
            FROM unnest(p_of, p_once, p_prints) WITH ORDINALITY AS m (topic, key, print, n)
            WHERE m.key IS NOT NULL ORDER BY 4, m.key, m.n
        LOOP
            INSERT INTO @.queue_idempotency AS old (namespace, key, until, fingerprint, message_ids)
            VALUES (v_each.space, v_each.key, v_now + p_window, v_each.print, '{}')
            ON CONFLICT (namespace, key) DO UPDATE
            SET until = excluded.until, fingerprint = excluded.fingerprint, message_ids = '{}'
            WHERE old.until <= v_now;
            IF NOT FOUND THEN
                SELECT fingerprint INTO v_print FROM @.queue_idempotency
                WHERE namespace = v_each.space AND key = v_each.key;
                v_status[v_each.n] := CASE WHEN v_print = v_each.print THEN 1 ELSE 2 END;
            END IF;
        END LOOP;
        IF p_atomic AND 2 = ANY (v_status) THEN
            RAISE EXCEPTION 'used' USING ERRCODE = 'PR002';
        END IF;
    END IF;
    FOR v_each IN
        SELECT * FROM (
            SELECT a.i, @.queue_ensure_topic(a.space, a.name, a.make) AS number
            FROM unnest(p_spaces, p_names, p_create) WITH ORDINALITY AS a (space, name, make, i) OFFSET 0
        ) AS found ORDER BY number NULLS FIRST
    LOOP
        v_topic := NULL;
        IF v_each.number IS NOT NULL THEN
            v_topic := @.queue_lock_topic(v_each.number);
        END IF;
        IF v_topic.number IS NULL THEN
            IF p_atomic THEN
                RAISE EXCEPTION '%', v_each.i USING ERRCODE = CASE WHEN v_each.number IS NULL THEN 'PR003' ELSE 'PR005' END;
            END IF;
            v_status := coalesce(v_status, array_fill(0, ARRAY[cardinality(p_of)]));
            FOR i IN 1 .. cardinality(p_of) LOOP
                IF p_of[i] = v_each.i AND v_status[i] = 0 THEN
                    v_status[i] := CASE WHEN v_each.number IS NULL THEN 3 ELSE 5 END;
                END IF;
            END LOOP;
            CONTINUE;
        END IF;
        IF v_topic.max_bytes > 0 AND v_topic.until_acknowledged THEN
            v_status := coalesce(v_status, array_fill(0, ARRAY[cardinality(p_of)]));
            SELECT coalesce(sum(size), 0) INTO v_used FROM @.queue_log
            WHERE span = v_topic.span AND topic = v_topic.number AND seq > v_topic.floor AND NOT gone AND grp IS NULL;
            FOR i IN 1 .. cardinality(p_of) LOOP
                IF p_of[i] = v_each.i AND v_status[i] = 0 THEN
                    IF v_used + p_sizes[i] > v_topic.max_bytes THEN
                        IF p_atomic THEN
                            RAISE EXCEPTION '%', v_each.i USING ERRCODE = 'PR004';
                        END IF;
                        v_status[i] := 4;
                    ELSE
                        v_used := v_used + p_sizes[i];
                    END IF;
                END IF;
            END LOOP;
        END IF;
        v_base := @.queue_append(v_topic, v_each.i::int, p_of, v_status, p_payloads, p_attributes, p_keys, p_delays,
            p_due, p_ttls, p_sizes, p_traces);
        IF p_once IS NOT NULL THEN
            v_used := v_base;
            FOR i IN 1 .. cardinality(p_of) LOOP
                IF p_of[i] = v_each.i AND v_status[i] = 0 THEN
                    v_used := v_used + 1;
                    IF p_once[i] IS NOT NULL THEN
                        UPDATE @.queue_idempotency SET message_ids = ARRAY[@.queue_id(v_topic.number, v_used)]
                        WHERE namespace = v_topic.namespace AND key = p_once[i];
                    END IF;
                END IF;
            END LOOP;
        END IF;
        PERFORM @.queue_tell(v_topic.number, p_listener);
        RETURN QUERY SELECT 0, v_each.i::int, v_topic.number, v_base, NULL::text[];
    END LOOP;
    IF v_status IS NOT NULL THEN
        IF p_once IS NOT NULL THEN
            FOR i IN 1 .. cardinality(p_of) LOOP
                IF v_status[i] >= 3 THEN
                    DELETE FROM @.queue_idempotency WHERE namespace = p_spaces[p_of[i]] AND key = p_once[i];
                END IF;
            END LOOP;
        END IF;
        RETURN QUERY SELECT m.status, m.n::int, NULL::int, NULL::bigint, k.message_ids
        FROM unnest(p_of, v_status) WITH ORDINALITY AS m (topic, status, n)
        LEFT JOIN @.queue_idempotency AS k ON m.status = 1 AND k.namespace = p_spaces[m.topic] AND k.key = p_once[m.n]
        WHERE m.status <> 0;
    END IF;
END $$;
