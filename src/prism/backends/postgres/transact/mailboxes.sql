-- What readers of a mailbox do. A status says why nothing was done: 1 the mailbox is missing, 2 the shard is, 3 what was
-- asked for is kept no longer, 4 another one holds the reader.

CREATE FUNCTION @.mailbox_make(p_space bytea, p_name bytea, p_shards int, p_retention bigint, p_max_backlog bigint)
RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    v_number int;
BEGIN
    INSERT INTO @.mailbox (namespace, name, shards, retention, max_backlog)
    VALUES (p_space, p_name, p_shards, p_retention, p_max_backlog) ON CONFLICT DO NOTHING RETURNING number INTO v_number;
    INSERT INTO @.mailbox_shard (mailbox, shard) SELECT v_number, g FROM generate_series(0, p_shards - 1) AS g
    WHERE v_number IS NOT NULL;
    RETURN v_number IS NOT NULL;
END $$;

-- Up to where nothing of a shard is kept: what all have passed, or has had its time, is gone before it is swept.
CREATE FUNCTION @.mailbox_floor(p_box int, p_shard int, p_retention bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_floor bigint;
    v_kept bigint;
BEGIN
    SELECT greatest(s.floor, coalesce((
        SELECT min(p.position) FROM @.mailbox_position AS p WHERE p.mailbox = p_box AND p.shard = p_shard), 0))
    INTO v_floor FROM @.mailbox_shard AS s WHERE s.mailbox = p_box AND s.shard = p_shard;
    SELECT m.seq INTO v_kept FROM @.mailbox_message AS m
    WHERE m.mailbox = p_box AND m.shard = p_shard AND m.seq > v_floor AND m.written_at > @.mailbox_now() - p_retention
    ORDER BY m.seq LIMIT 1;
    RETURN greatest(v_floor, (
        SELECT m.seq FROM @.mailbox_message AS m
        WHERE m.mailbox = p_box AND m.shard = p_shard AND m.seq > v_floor AND m.seq < coalesce(v_kept, 1::bigint << 62)
        ORDER BY m.seq DESC LIMIT 1));
END $$;

-- Where a read begins.
CREATE FUNCTION @.mailbox_place(
    p_space bytea, p_name bytea, p_shard int, p_reader bytea, p_after bigint, OUT status int, OUT number int,
    OUT shards int, OUT floor bigint, OUT place bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_retention bigint;
BEGIN
    SELECT b.number, b.shards, b.retention INTO number, shards, v_retention
    FROM @.mailbox AS b WHERE b.namespace = p_space AND b.name = p_name;
    status := CASE WHEN NOT FOUND THEN 1 WHEN p_shard >= shards THEN 2 ELSE 0 END;
    IF status > 0 THEN
        RETURN;
    END IF;
    floor := @.mailbox_floor(number, p_shard, v_retention);
    place := p_after;
    IF p_reader IS NOT NULL THEN
        SELECT p.position INTO place FROM @.mailbox_position AS p
        WHERE p.mailbox = number AND p.shard = p_shard AND p.reader = p_reader;
    END IF;
    IF place < floor AND (p_reader IS NOT NULL OR place > 0) THEN
        status := 3;
    END IF;
    place := greatest(place, floor);
END $$;

-- A reader, made where it is missing, and locked.
CREATE FUNCTION @.mailbox_enter(p_box @.mailbox, p_reader bytea) RETURNS @.mailbox_reader LANGUAGE plpgsql AS $$
DECLARE
    v_reader @.mailbox_reader;
BEGIN
    LOOP
        SELECT * INTO v_reader FROM @.mailbox_reader AS r WHERE r.mailbox = p_box.number AND r.name = p_reader FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO @.mailbox_reader (mailbox, name) VALUES (p_box.number, p_reader) ON CONFLICT DO NOTHING;
        INSERT INTO @.mailbox_position (mailbox, shard, reader, position, n)
        SELECT s.mailbox, s.shard, p_reader, @.mailbox_floor(s.mailbox, s.shard, p_box.retention),
            greatest(s.floor_n, coalesce((
                SELECT min(p.n) FROM @.mailbox_position AS p WHERE p.mailbox = s.mailbox AND p.shard = s.shard), 0))
        FROM @.mailbox_shard AS s WHERE s.mailbox = p_box.number ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN v_reader;
END $$;

CREATE FUNCTION @.mailbox_ack(
    p_space bytea, p_name bytea, p_reader bytea, p_shard int, p_up_to bigint, p_dead bigint[], p_reasons bytea[],
    p_redriven text[], p_epoch bigint, OUT status int, OUT shards int, OUT place bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_box @.mailbox;
    v_reader @.mailbox_reader;
    v_from bigint;
    v_n bigint;
BEGIN
    SELECT * INTO v_box FROM @.mailbox AS b WHERE b.namespace = p_space AND b.name = p_name;
    shards := v_box.shards;
    status := CASE WHEN NOT FOUND THEN 1 WHEN p_shard >= v_box.shards THEN 2 ELSE 0 END;
    IF status > 0 THEN
        RETURN;
    END IF;
    v_reader := @.mailbox_enter(v_box, p_reader);
    IF p_epoch > 0 AND v_reader.epoch <> p_epoch THEN
        status := 4;
        RETURN;
    END IF;
    SELECT p.position INTO v_from FROM @.mailbox_position AS p
    WHERE p.mailbox = v_box.number AND p.shard = p_shard AND p.reader = p_reader;
    SELECT m.seq, m.n INTO place, v_n FROM @.mailbox_message AS m
    WHERE m.mailbox = v_box.number AND m.shard = p_shard AND m.seq > v_from AND m.seq <= p_up_to
    ORDER BY m.seq DESC LIMIT 1;
    IF place IS NULL THEN
        place := v_from;
    ELSE
        IF v_n IS NULL THEN
            v_n := @.mailbox_count(v_box.number, p_shard, place);
        END IF;
        UPDATE @.mailbox_position AS p SET position = place, n = greatest(p.n, v_n)
        WHERE p.mailbox = v_box.number AND p.shard = p_shard AND p.reader = p_reader;
        INSERT INTO @.mailbox_dead (mailbox, reader, shard, reason, dead_at, seq, written_at, message_id, ordering_key,
            trace, attributes, payload)
        SELECT m.mailbox, p_reader, m.shard, d.reason, @.mailbox_now(), m.seq, m.written_at, m.message_id, m.ordering_key,
            m.trace, m.attributes, m.payload
        FROM unnest(p_dead, p_reasons) AS d (seq, reason) JOIN @.mailbox_message AS m
            ON m.mailbox = v_box.number AND m.shard = p_shard AND m.seq = d.seq
        WHERE d.seq > v_from AND d.seq <= place ORDER BY m.seq;
    END IF;
    UPDATE @.mailbox_dead AS d SET reason = o.reason, dead_at = @.mailbox_now(), redriven = false
    FROM unnest(p_dead, p_reasons) AS o (seq, reason)
    WHERE d.mailbox = v_box.number AND d.reader = p_reader AND d.shard = p_shard AND d.seq = o.seq AND d.redriven
        AND o.seq <= v_from;
    IF cardinality(p_redriven) > 0 THEN
        DELETE FROM @.mailbox_dead AS d
        WHERE d.mailbox = v_box.number AND d.reader = p_reader AND d.message_id = ANY (p_redriven);
    END IF;
END $$;

CREATE FUNCTION @.mailbox_lease(
    p_space bytea, p_name bytea, p_reader bytea, p_holder text, p_duration bigint, OUT status int, OUT holder text,
    OUT epoch bigint, OUT remaining bigint, OUT redriven bigint, OUT shards int
) LANGUAGE plpgsql AS $$
DECLARE
    v_box @.mailbox;
    v_reader @.mailbox_reader;
    v_now bigint;
BEGIN
    SELECT * INTO v_box FROM @.mailbox AS b WHERE b.namespace = p_space AND b.name = p_name;
    status := CASE WHEN FOUND THEN 0 ELSE 1 END;
    IF status > 0 THEN
        RETURN;
    END IF;
    v_reader := @.mailbox_enter(v_box, p_reader);
    v_now := @.mailbox_now();
    IF v_reader.holder = p_holder OR v_reader.until <= v_now THEN
        IF v_reader.holder <> p_holder OR v_reader.until <= v_now THEN
            v_reader.epoch := v_reader.epoch + 1;
        END IF;
        v_reader.holder := CASE WHEN p_duration > 0 THEN p_holder ELSE '' END;
        v_reader.until := CASE WHEN p_duration > 0 THEN v_now + p_duration ELSE 0 END;
        UPDATE @.mailbox_reader AS r SET holder = v_reader.holder, until = v_reader.until, epoch = v_reader.epoch
        WHERE r.mailbox = v_box.number AND r.name = p_reader;
    END IF;
    holder := v_reader.holder;
    epoch := v_reader.epoch;
    remaining := v_reader.until - v_now;
    shards := v_box.shards;
    redriven := (SELECT count(*) FROM @.mailbox_dead AS d
        WHERE d.mailbox = v_box.number AND d.reader = p_reader AND d.redriven);
END $$;

CREATE FUNCTION @.mailbox_delete_reader(p_space bytea, p_name bytea, p_reader bytea) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    v_box int;
    v_gone int;
BEGIN
    SELECT b.number INTO v_box FROM @.mailbox AS b WHERE b.namespace = p_space AND b.name = p_name;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    DELETE FROM @.mailbox_reader AS r WHERE r.mailbox = v_box AND r.name = p_reader;
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    DELETE FROM @.mailbox_position AS p WHERE p.mailbox = v_box AND p.reader = p_reader;
    DELETE FROM @.mailbox_dead AS d WHERE d.mailbox = v_box AND d.reader = p_reader;
    RETURN v_gone > 0;
END $$;

-- Removes what is kept no longer, so much at most; whether more is left.
CREATE FUNCTION @.mailbox_sweep(p_limit int) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    v_each record;
    v_floor bigint;
    v_n bigint;
    v_gone int;
    v_more bool := false;
BEGIN
    FOR v_each IN SELECT s.mailbox, s.shard, s.floor, b.retention FROM @.mailbox_shard AS s
        JOIN @.mailbox AS b ON b.number = s.mailbox ORDER BY 1, 2
    LOOP
        v_floor := @.mailbox_floor(v_each.mailbox, v_each.shard, v_each.retention);
        CONTINUE WHEN v_floor <= v_each.floor;
        SELECT max(o.seq) INTO v_floor FROM (
            SELECT m.seq FROM @.mailbox_message AS m WHERE m.mailbox = v_each.mailbox AND m.shard = v_each.shard
            AND m.seq > v_each.floor AND m.seq <= v_floor ORDER BY m.seq LIMIT p_limit) AS o;
        CONTINUE WHEN v_floor IS NULL;
        v_n := @.mailbox_count(v_each.mailbox, v_each.shard, v_floor);
        UPDATE @.mailbox_shard AS s SET floor = v_floor, floor_n = greatest(s.floor_n, v_n)
        WHERE s.mailbox = v_each.mailbox AND s.shard = v_each.shard AND s.floor < v_floor;
        DELETE FROM @.mailbox_message AS m
        WHERE m.mailbox = v_each.mailbox AND m.shard = v_each.shard AND m.seq > v_each.floor AND m.seq <= v_floor;
        GET DIAGNOSTICS v_gone = ROW_COUNT;
        v_more := v_more OR v_gone >= p_limit;
    END LOOP;
    DELETE FROM @.transact_idempotency AS i WHERE (i.namespace, i.key) IN (
        SELECT o.namespace, o.key FROM @.transact_idempotency AS o WHERE o.until <= @.mailbox_now() LIMIT p_limit);
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    DELETE FROM @.mailbox_waiter AS w WHERE w.until < @.mailbox_now();
    RETURN v_more OR v_gone >= p_limit;
END $$;

-- Notes who waits, where it is told of changes; the newest message and the newest redriving of each mailbox.
CREATE FUNCTION @.mailbox_watch(p_spaces bytea[], p_names bytea[], p_listener bigint, p_listens bool)
RETURNS TABLE (n bigint, number int, change text) LANGUAGE plpgsql AS $$
BEGIN
    IF p_listens THEN
        INSERT INTO @.mailbox_waiter (mailbox, listener, until)
        SELECT b.number, p_listener, @.mailbox_now() + 5000000
        FROM unnest(p_spaces, p_names) AS u (space, name)
        JOIN @.mailbox AS b ON b.namespace = u.space AND b.name = u.name
        ON CONFLICT (mailbox, listener) DO UPDATE SET until = excluded.until;
    END IF;
    RETURN QUERY
    SELECT u.n, b.number, (
        SELECT string_agg(coalesce((SELECT m.seq FROM @.mailbox_message AS m WHERE m.mailbox = s.mailbox
            AND m.shard = s.shard ORDER BY m.seq DESC LIMIT 1), s.floor)::text, ' ' ORDER BY s.shard)
        FROM @.mailbox_shard AS s WHERE s.mailbox = b.number)
    FROM unnest(p_spaces, p_names) WITH ORDINALITY AS u (space, name, n)
    JOIN @.mailbox AS b ON b.namespace = u.space AND b.name = u.name;
END $$;

CREATE FUNCTION @.mailbox_tell(p_spaces bytea[], p_names bytea[], p_listener bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('prism.mailbox.' || hashtext('@name'), (-b.number)::text)
    FROM unnest(p_spaces, p_names) AS u (space, name) JOIN @.mailbox AS b ON b.namespace = u.space AND b.name = u.name
    WHERE EXISTS (SELECT FROM @.mailbox_waiter AS w
        WHERE w.mailbox = b.number AND w.listener <> p_listener AND w.until > @.mailbox_now());
END $$;
